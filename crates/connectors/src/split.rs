//! Cutting a collection into key ranges of about equal size, without sorting its rows.

use domain::schema::TableName;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::Type;

use crate::error::StoreError;
use crate::export::CollectionRead;
use crate::range::KeyRange;
use crate::read::ReadTransaction;
use crate::sql;

/// So many keys of a sample for each part: its size is then met within about a tenth.
const KEYS_PER_PART: i64 = 200;
/// So many pages for each part: rows of one page often have neighbouring keys, so a page counts
/// little more than one key does.
const PAGES_PER_PART: i64 = 50;
/// Fewer keys for each part than this are no sample to cut by.
const LEAST_KEYS_PER_PART: i64 = 20;

const MILLION: i64 = 1_000_000;

/// How large a table is, its partitions included, and whether it can be sampled by pages.
const TABLE_SIZE: &str = "\
SELECT c.relkind IN ('r', 'p', 'm'),
       (pg_catalog.sum(pg_catalog.pg_relation_size(l.oid))
            / pg_catalog.current_setting('block_size')::pg_catalog.int8)::pg_catalog.int8,
       pg_catalog.sum(GREATEST(l.reltuples, 0))::pg_catalog.int8
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class l
  ON l.oid = c.oid OR l.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid))
WHERE n.nspname = $1 AND c.relname = $2
GROUP BY c.oid, c.relkind";

impl ReadTransaction {
    /// Cuts a read into at most so many key ranges that hold about as many of its rows each.
    ///
    /// `read` is the whole collection, planned without a range, and `rows` its size, which may be
    /// estimated: it only says how much to sample. However good the sample is, the ranges hold every key exactly
    /// once, keys that come later included. A collection without a primary key, and without a
    /// unique key that is never NULL, stays in one range.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn split(
        &self,
        read: &CollectionRead,
        rows: i64,
        parts: u32,
    ) -> Result<Vec<KeyRange>, StoreError> {
        let (predicate, key, tables) = (&read.predicate, &read.key, read.tables());
        self.cut(&Cut { tables, predicate, key, chosen: Chosen::ByLot }, (rows, i64::from(parts))).await
    }

    /// Cuts into as many ranges as there are parts, or fewer.
    pub(crate) async fn cut(
        &self,
        cut: &Cut<'_>,
        (rows, parts): (i64, i64),
    ) -> Result<Vec<KeyRange>, StoreError> {
        let Some(table) = cut.tables.first().filter(|_| parts > 1 && rows >= parts && !cut.key.is_empty())
        else {
            return Ok(vec![KeyRange::whole()]);
        };
        let size = self.table_size(table).await?;
        if let Some(sample) = size.and_then(|size| Sample::pages(&size, rows, parts)) {
            let (keys, bounds) = self.bounds(cut, table, &sample, parts).await?;
            if keys >= parts.saturating_mul(LEAST_KEYS_PER_PART) {
                return Ok(KeyRange::between(cut.key, bounds));
            }
        }
        let (_, bounds) = self.bounds(cut, table, &Sample::rows(rows, parts, cut), parts).await?;
        Ok(KeyRange::between(cut.key, bounds))
    }

    async fn table_size(&self, table: &TableName) -> Result<Option<TableSize>, StoreError> {
        let failed = |error| self.failed(error).reading(std::slice::from_ref(table));
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&table.schema, Type::NAME), (&table.table, Type::NAME)];
        let row = self.client()?.query_typed_opt(TABLE_SIZE, &parameters).await.map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let sampled: bool = row.try_get(0).map_err(failed)?;
        let size =
            TableSize { pages: row.try_get(1).map_err(failed)?, rows: row.try_get(2).map_err(failed)? };
        Ok(sampled.then_some(size))
    }

    /// How many keys the sample has, and those that part it evenly.
    async fn bounds(
        &self,
        cut: &Cut<'_>,
        table: &TableName,
        sample: &Sample,
        parts: i64,
    ) -> Result<(i64, Vec<Vec<String>>), StoreError> {
        // The simple protocol: every type comes as the text that it is read back from.
        let answer = self.client()?.simple_query(&sample.bounds_sql(cut, table, parts)).await;
        let answer = answer.map_err(|error| self.failed(error).reading(cut.tables))?;
        let (mut keys, mut bounds) = (0, Vec::new());
        for message in &answer {
            let SimpleQueryMessage::Row(row) = message else { continue };
            keys = row.get(0).and_then(|total| total.parse().ok()).unwrap_or(0);
            let bound: Option<Vec<String>> =
                (1..row.len()).map(|column| row.get(column).map(str::to_owned)).collect();
            bounds.extend(bound);
        }
        Ok((keys, bounds))
    }
}

/// What is cut into ranges.
pub(crate) struct Cut<'a> {
    /// The table, and those through which its tenant leads.
    pub(crate) tables: &'a [TableName],
    /// Which rows, of the table aliased `t0`.
    pub(crate) predicate: &'a str,
    /// Along which columns; none where it stays whole.
    pub(crate) key: &'a [String],
    pub(crate) chosen: Chosen,
}

/// How rows are chosen for a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// Any, which costs the least.
    ByLot,
    /// By a digest of their key: the same rows give the same ranges.
    ByKey,
}

/// A table by the server's own estimates.
#[derive(Debug, Clone, Copy)]
struct TableSize {
    pages: i64,
    rows: i64,
}

/// Which rows of the organisation are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sample {
    /// Stands behind the table's alias.
    from: String,
    /// Stands behind the predicate.
    filter: String,
}

impl Sample {
    /// A random choice of the table's pages, where that reads clearly less than the organisation's
    /// own rows lie on; `None` where it would not.
    fn pages(size: &TableSize, rows: i64, parts: i64) -> Option<Self> {
        let part_of_table = per_million(rows, size.rows.max(rows));
        // At worst its rows lie together, on so many pages and no more.
        let own_pages = scaled(size.pages, part_of_table).max(1);
        let enough_rows = per_million(parts.saturating_mul(KEYS_PER_PART), rows);
        let enough_pages = per_million(parts.saturating_mul(PAGES_PER_PART), own_pages);
        let wanted = enough_rows.max(enough_pages).max(1);
        if wanted > part_of_table / 4 {
            return None;
        }
        let percent = format!("{}.{:04}", wanted / 10_000, wanted % 10_000);
        let from = format!(" TABLESAMPLE pg_catalog.system ({percent}) REPEATABLE (1)");
        Some(Self { from, filter: String::new() })
    }

    /// A random choice of the organisation's rows: they are all read once, as for counting them,
    /// by whatever way is the shortest, but only the chosen ones are sorted.
    fn rows(rows: i64, parts: i64, cut: &Cut<'_>) -> Self {
        let wanted = per_million(parts.saturating_mul(KEYS_PER_PART), rows).max(1);
        let filter = match cut.chosen {
            _ if wanted >= MILLION => String::new(),
            Chosen::ByLot => {
                format!(" AND pg_catalog.random() OPERATOR(pg_catalog.<) 0.{wanted:06}::pg_catalog.float8")
            }
            Chosen::ByKey => {
                let texts =
                    cut.key.iter().map(|name| format!("t0.{}::pg_catalog.text", sql::identifier(name)));
                let key = texts.collect::<Vec<_>>().join(", ");
                let digest = format!(
                    "pg_catalog.hashtextextended(pg_catalog.concat_ws('/', {key}) COLLATE pg_catalog.\"C\", 0)"
                );
                format!(
                    " AND pg_catalog.abs({digest} OPERATOR(pg_catalog.%) {MILLION}) OPERATOR(pg_catalog.<) {wanted}"
                )
            }
        };
        Self { from: String::new(), filter }
    }

    /// The keys at which the number of the part changes when the sample is dealt out evenly.
    fn bounds_sql(&self, cut: &Cut<'_>, table: &TableName, parts: i64) -> String {
        let (relation, predicate, Self { from, filter }) = (sql::relation(table), cut.predicate, self);
        let numbered = |prefix: &str| -> Vec<String> {
            (1..=cut.key.len()).map(|number| format!("{prefix}k{number}")).collect()
        };
        let names = numbered("").join(", ");
        let columns: Vec<String> = cut
            .key
            .iter()
            .zip(numbered("AS "))
            .map(|(column, name)| format!("t0.{} {name}", sql::identifier(column)))
            .collect();
        let columns = columns.join(", ");
        format!(
            "WITH picked AS MATERIALIZED (SELECT {columns} FROM {relation} t0{from} WHERE {predicate}{filter}), \
             numbered AS (SELECT {names}, pg_catalog.row_number() OVER (ORDER BY {names}) - 1 AS n, \
             pg_catalog.count(*) OVER () AS total FROM picked) \
             SELECT total, {names} FROM numbered \
             WHERE n > 0 AND n * {parts} / total <> (n - 1) * {parts} / total ORDER BY n"
        )
    }
}

/// `part` of `whole` in millionths, at most all of it; all of it where `whole` is nothing.
fn per_million(part: i64, whole: i64) -> i64 {
    let millionths = i128::from(part) * i128::from(MILLION);
    let share = millionths.checked_div(i128::from(whole)).unwrap_or(i128::from(MILLION));
    i64::try_from(share).unwrap_or(MILLION).clamp(0, MILLION)
}

/// So many millionths of an amount.
fn scaled(amount: i64, millionths: i64) -> i64 {
    let product = i128::from(amount) * i128::from(millionths) / i128::from(MILLION);
    i64::try_from(product).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(pages: i64, table_rows: i64, rows: i64, parts: i64) -> Option<String> {
        Sample::pages(&TableSize { pages, rows: table_rows }, rows, parts).map(|sample| sample.from)
    }

    #[test]
    fn a_large_organisation_is_sampled_by_pages() {
        let percent = |text: &str| Some(format!(" TABLESAMPLE pg_catalog.system ({text}) REPEATABLE (1)"));
        // 4 parts of 2 of 5 million rows on 100,000 pages: 200 of its own 40,000 pages.
        assert_eq!(pages(100_000, 5_000_000, 2_000_000, 4), percent("0.5000"));
        // The whole table, never analysed.
        assert_eq!(pages(100_000, -1, 2_000_000, 4), percent("0.2000"));
        assert_eq!(pages(400, 40_000, 40_000, 2), percent("25.0000"));
    }

    #[test]
    fn a_small_one_or_one_among_many_is_not() {
        assert_eq!(pages(400, 40_000, 40_000, 16), None);
        assert_eq!(pages(4_000_000, 200_000_000, 2_000_000, 16), None, "1 % of a large table");
        assert_eq!(pages(0, 0, 10, 2), None);
    }

    #[test]
    fn rows_are_chosen_by_lot_unless_all_are_needed() {
        let key = ["id".to_owned()];
        let cut = Cut { tables: &[], predicate: "TRUE", key: &key, chosen: Chosen::ByLot };
        let filter = |rows, parts| Sample::rows(rows, parts, &cut).filter;
        assert_eq!(filter(100, 2), "");
        assert!(filter(1_000_000, 2).contains(" 0.000400::"), "{}", filter(1_000_000, 2));
        assert!(filter(i64::MAX, 2).contains(" 0.000001::"));
        let by_key = Cut { chosen: Chosen::ByKey, ..cut };
        assert!(Sample::rows(1_000_000, 2, &by_key).filter.ends_with(" 400"));
        assert_eq!(Sample::rows(100, 2, &by_key).filter, "");
    }
}
