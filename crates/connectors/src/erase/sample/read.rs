//! The queries by which rows are chosen.

use std::collections::BTreeSet;

use domain::datamap::Collection;
use domain::erasure::Guard;
use domain::schema::{LiveColumn, LiveSchema, TableName};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::erase::keyed::{self, Parameters, columns_of, primary_key};
use crate::erase::survey::{self, Part};
use crate::error::StoreError;
use crate::export::tables_of;
use crate::read::ReadTransaction;
use crate::sql::{self, PlanError};

use super::Key;

const PARTITIONED: &str = "\
SELECT w.schema, w.name
FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) w (schema, name)
JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
WHERE c.relkind = 'p'";

/// The reading of keys, each with the place of the row that it belongs to.
pub(super) struct SampleRead {
    sql: String,
    parameters: Parameters<'static>,
    tables: Vec<TableName>,
}

impl SampleRead {
    /// So many rows of a part that will be erased: the first and the last by their key, since what was
    /// there from the beginning and what came last are seldom alike; of a partitioned table some of each
    /// partition, since each may have constraints and triggers of its own.
    pub(super) fn erasable(
        part: &Part<'_>,
        earlier: &[Part<'_>],
        schema: &LiveSchema,
        (rows, partitioned): (usize, bool),
    ) -> Result<Self, PlanError> {
        let mut parameters = Parameters::default();
        let condition = survey::erased(part, earlier, schema, &mut parameters)?;
        let key = primary_key(part.collection, schema)?;
        let (texts, relation) = (texts(&key), sql::relation(&part.collection.table));
        let sql = if partitioned {
            let names: Vec<String> = (0..key.len()).map(|place| format!("x.k{place}")).collect();
            format!(
                "SELECT 0::pg_catalog.int8, {} FROM (SELECT {texts}, pg_catalog.row_number() OVER (PARTITION BY \
                 t0.tableoid) AS n FROM {relation} t0 WHERE {condition}) x ORDER BY x.n LIMIT {rows}",
                names.join(", ")
            )
        } else {
            let half = |order: &str, rows: usize| {
                let key: Vec<String> =
                    key.iter().map(|column| format!("t0.{}{order}", sql::identifier(&column.name))).collect();
                format!(
                    "(SELECT 0::pg_catalog.int8, {texts} FROM {relation} t0 WHERE {condition} ORDER BY {} LIMIT {rows})",
                    key.join(", ")
                )
            };
            let last = rows.checked_div(2).unwrap_or_default();
            format!("{} UNION {}", half("", rows.saturating_sub(last)), half(" DESC", last))
        };
        Ok(Self { sql, parameters, tables: tables_of(part.collection) })
    }

    /// The rows of a part that refer to each of these rows of another table; of each so many at most.
    pub(super) fn referring(
        part: &Part<'_>,
        earlier: &[Part<'_>],
        schema: &LiveSchema,
        (target, guard, keys): (&Collection, &Guard, &[Key]),
        rows: usize,
    ) -> Result<Self, PlanError> {
        let mut parameters = Parameters::default();
        let condition = survey::erased(part, earlier, schema, &mut parameters)?;
        let (own, theirs) = (primary_key(part.collection, schema)?, primary_key(target, schema)?);
        let places = (0..keys.len()).map(|place| Some(place.to_string())).collect();
        let listed =
            keyed::source(&theirs, columns_of(&target.table, keys, &theirs)?, vec![places], &mut parameters);
        let mut refers = Vec::new();
        for (from, to) in guard.columns.iter().zip(&guard.target_columns) {
            let referring = sql::live_column(schema, &guard.table, from)?;
            let equals = sql::equality(referring, sql::live_column(schema, &target.table, to)?);
            refers.push(format!("t0.{} {equals} p.{}", sql::identifier(from), sql::identifier(to)));
        }
        let names: Vec<String> = (0..own.len()).map(|place| format!("c.k{place}")).collect();
        let sql = format!(
            "SELECT v.v0::pg_catalog.int8, {} FROM {listed} JOIN {} p ON {} CROSS JOIN LATERAL (SELECT {} FROM {} t0 \
             WHERE {} AND {condition} LIMIT {rows}) c",
            names.join(", "),
            sql::relation(&target.table),
            keyed::matches(&theirs, "p", "v"),
            texts(&own),
            sql::relation(&part.collection.table),
            refers.join(" AND ")
        );
        Ok(Self { sql, parameters, tables: tables_of(part.collection) })
    }
}

/// The key of the row `t0`, as text, under the names `k0`, `k1`, ….
fn texts(key: &[&LiveColumn]) -> String {
    let text = |(place, column): (usize, &&LiveColumn)| {
        format!("t0.{}::pg_catalog.text AS k{place}", sql::identifier(&column.name))
    };
    key.iter().enumerate().map(text).collect::<Vec<_>>().join(", ")
}

impl ReadTransaction {
    /// Reads keys, each with the place of the row that it belongs to.
    pub(super) async fn sampled(&self, read: &SampleRead) -> Result<Vec<(usize, Key)>, StoreError> {
        let failed = |error| self.failed(error).reading(&read.tables);
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> = read.parameters.typed();
        let rows = self.client()?.query_typed(&read.sql, &parameters).await.map_err(failed)?;
        let one = |row: &Row| {
            let place = usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
            let key = (1..row.len()).map(|at| row.try_get(at)).collect::<Result<_, _>>()?;
            Ok((place, key))
        };
        rows.iter().map(one).collect::<Result<_, _>>().map_err(failed)
    }

    /// Which of these tables are partitioned.
    pub(super) async fn partitioned(&self, tables: &[TableName]) -> Result<BTreeSet<TableName>, StoreError> {
        let schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
        let names: Vec<&str> = tables.iter().map(|table| table.table.as_str()).collect();
        let parameters: [(&(dyn ToSql + Sync), Type); 2] =
            [(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)];
        let failed = |error| self.failed(error);
        let rows = self.client()?.query_typed(PARTITIONED, &parameters).await.map_err(failed)?;
        let one = |row: &Row| Ok(TableName { schema: row.try_get(0)?, table: row.try_get(1)? });
        rows.iter().map(one).collect::<Result<_, _>>().map_err(failed)
    }
}
