//! Cutting a collection into key ranges of about equal size, without sorting its rows.

use domain::schema::TableName;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::Type;

use crate::error::StoreError;
use crate::export::CollectionRead;
use crate::range::KeyRange;
use crate::read::ReadTransaction;
use crate::split::sample::{Sample, TableSize, by_pages, per_million, scaled};
use crate::sql;

mod sample;

/// Fewer keys for each part than this are no sample to cut by.
const LEAST_KEYS_PER_PART: i64 = 20;
/// So many pages tell on about how many of a table's pages an organisation has rows.
const PROBED_PAGES: i64 = 300;
/// A table of fewer pages is read sooner than it is probed.
const LEAST_PAGES_TO_PROBE: i64 = 20 * PROBED_PAGES;

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
        if let Some(sample) = self.page_sample(cut, table, (rows, parts)).await? {
            let (keys, bounds) = self.bounds(cut, table, &sample, parts).await?;
            if keys >= parts.saturating_mul(LEAST_KEYS_PER_PART) {
                return Ok(KeyRange::between(cut.key, bounds));
            }
        }
        let (_, bounds) = self.bounds(cut, table, &Sample::rows(rows, parts, cut), parts).await?;
        Ok(KeyRange::between(cut.key, bounds))
    }

    /// A sample by pages, where one is enough: at worst the rows lie together, and if too few pages would be left
    /// then, some pages are looked at.
    async fn page_sample(
        &self,
        cut: &Cut<'_>,
        table: &TableName,
        (rows, parts): (i64, i64),
    ) -> Result<Option<Sample>, StoreError> {
        let Some(size) = self.table_size(table).await? else { return Ok(None) };
        let sample = Sample::pages(&size, size.least_pages_of(rows), rows, parts);
        let at_best = || Sample::pages(&size, size.pages.min(rows), rows, parts);
        if sample.is_some() || size.pages < LEAST_PAGES_TO_PROBE || at_best().is_none() {
            return Ok(sample);
        }
        let own_pages = self.probe(cut, table, &size).await?;
        Ok(Sample::pages(&size, own_pages, rows, parts))
    }

    /// On about how many of its pages the table has rows that are cut.
    async fn probe(&self, cut: &Cut<'_>, table: &TableName, size: &TableSize) -> Result<i64, StoreError> {
        let failed = |error| self.failed(error).reading(cut.tables);
        let share = per_million(PROBED_PAGES, size.pages).max(1);
        let (relation, sampled, predicate) = (sql::relation(table), by_pages(share), cut.predicate);
        let probe = format!(
            "SELECT pg_catalog.count(DISTINCT (t0.tableoid, (t0.ctid::pg_catalog.text::pg_catalog.point)[0])) \
             FROM {relation} t0{sampled} WHERE {predicate}"
        );
        let row = self.client()?.query_typed_one(&probe, &[]).await.map_err(failed)?;
        let found: i64 = row.try_get(0).map_err(failed)?;
        Ok(scaled(size.pages, per_million(found, PROBED_PAGES)))
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
