//! Which rows are looked at to learn where a collection is cut.

use domain::schema::TableName;

use crate::split::{Chosen, Cut};
use crate::sql;

/// So many keys of a sample for each part: its size is then met within about a tenth.
const KEYS_PER_PART: i64 = 200;
/// So many pages for each part: rows of one page often have neighbouring keys, so a page counts
/// little more than one key does.
const PAGES_PER_PART: i64 = 50;

const MILLION: i64 = 1_000_000;

/// A table by the server's own estimates.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableSize {
    pub(super) pages: i64,
    pub(super) rows: i64,
}

impl TableSize {
    /// The pages on which so many rows lie at least, if they lie together.
    pub(super) fn least_pages_of(&self, rows: i64) -> i64 {
        scaled(self.pages, per_million(rows, self.rows.max(rows)))
    }
}

/// Which rows of the organisation are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    /// Stands behind the table's alias.
    from: String,
    /// Stands behind the predicate.
    filter: String,
}

impl Sample {
    /// A random choice of the table's pages, where that reads clearly less than the organisation's
    /// own rows lie on, of which there are `own_pages`; `None` where it would not.
    pub(super) fn pages(size: &TableSize, own_pages: i64, rows: i64, parts: i64) -> Option<Self> {
        let part_of_table = per_million(own_pages, size.pages);
        let enough_rows = per_million(parts.saturating_mul(KEYS_PER_PART), rows);
        let enough_pages = per_million(parts.saturating_mul(PAGES_PER_PART), own_pages.max(1));
        let wanted = enough_rows.max(enough_pages).max(1);
        (wanted <= part_of_table / 4).then(|| Self { from: by_pages(wanted), filter: String::new() })
    }

    /// A random choice of the organisation's rows: they are all read once, as for counting them,
    /// by whatever way is the shortest, but only the chosen ones are sorted.
    pub(super) fn rows(rows: i64, parts: i64, cut: &Cut<'_>) -> Self {
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
    pub(super) fn bounds_sql(&self, cut: &Cut<'_>, table: &TableName, parts: i64) -> String {
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

/// So many millionths of a table's pages, the same each time; stands behind the table's alias.
pub(super) fn by_pages(millionths: i64) -> String {
    let percent = format!("{}.{:04}", millionths / 10_000, millionths % 10_000);
    format!(" TABLESAMPLE pg_catalog.system ({percent}) REPEATABLE (1)")
}

/// `part` of `whole` in millionths, at most all of it; all of it where `whole` is nothing.
pub(super) fn per_million(part: i64, whole: i64) -> i64 {
    let millionths = i128::from(part) * i128::from(MILLION);
    let share = millionths.checked_div(i128::from(whole)).unwrap_or(i128::from(MILLION));
    i64::try_from(share).unwrap_or(MILLION).clamp(0, MILLION)
}

/// So many millionths of an amount.
pub(super) fn scaled(amount: i64, millionths: i64) -> i64 {
    let product = i128::from(amount) * i128::from(millionths) / i128::from(MILLION);
    i64::try_from(product).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(pages: i64, table_rows: i64, rows: i64, parts: i64) -> Option<String> {
        let size = TableSize { pages, rows: table_rows };
        Sample::pages(&size, size.least_pages_of(rows), rows, parts).map(|sample| sample.from)
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
    fn rows_on_every_page_take_fewer_pages_than_rows_that_lie_together() {
        let size = TableSize { pages: 170_000, rows: 5_000_000 };
        let sample = |own_pages| Sample::pages(&size, own_pages, 1_000_000, 334).map(|sample| sample.from);
        assert_eq!(sample(size.least_pages_of(1_000_000)), None);
        assert_eq!(
            sample(170_000).unwrap(),
            " TABLESAMPLE pg_catalog.system (9.8235) REPEATABLE (1)",
            "50 pages for each part"
        );
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
