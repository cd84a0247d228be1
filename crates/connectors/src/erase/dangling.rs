//! Rows that came meanwhile and refer to a row that is gone: no foreign key has kept them out.

use domain::erasure::Guard;
use domain::schema::{LiveSchema, TableName};
use tokio_postgres::types::Type;

use crate::config::StoreConfig;
use crate::erase::journal::{Writers, written_since};
use crate::error::StoreError;
use crate::pool::SubjectStore;
use crate::sql::{self, PlanError};

/// The counting of the rows that refer to nobody by one reference.
pub struct DanglingRead {
    sql: String,
    table: TableName,
}

impl DanglingRead {
    /// Plans to count the rows, written by others since a horizon, that refer by this reference to a row
    /// of `target` that is not there.
    ///
    /// # Errors
    /// When the live schema does not have the columns.
    pub fn plan(schema: &LiveSchema, target: &TableName, reference: &Guard) -> Result<Self, PlanError> {
        let (mut given, mut matches) = (Vec::new(), Vec::new());
        for (from, to) in reference.columns.iter().zip(&reference.target_columns) {
            let referring = sql::live_column(schema, &reference.table, from)?;
            let equals = sql::equality(referring, sql::live_column(schema, target, to)?);
            let (from, to) = (sql::identifier(from), sql::identifier(to));
            given.push(format!("g.{from} IS NOT NULL"));
            matches.push(format!("t0.{to} {equals} g.{from}"));
        }
        let sql = format!(
            "SELECT pg_catalog.count(*) FROM {} g WHERE {} \
             AND {} \
             AND (g.xmin OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.text[]::pg_catalog.xid[])) IS NOT TRUE \
             AND NOT EXISTS (SELECT FROM {} t0 WHERE {})",
            sql::relation(&reference.table),
            given.join(" AND "),
            written_since("g", "$1::pg_catalog.text::pg_catalog.xid"),
            sql::relation(target),
            matches.join(" AND ")
        );
        Ok(Self { sql, table: reference.table.clone() })
    }
}

/// How many rows, written since the horizon and not by the job, refer to a row that is not there: on the
/// primary, over a connection of its own.
///
/// # Errors
/// When the store fails.
pub async fn dangling(
    config: &StoreConfig,
    read: &DanglingRead,
    (horizon, writers): (&str, &Writers),
) -> Result<i64, StoreError> {
    let config = StoreConfig { max_connections: 1, ..config.of_primary() };
    let transaction = SubjectStore::connect(&config)?.begin_read().await?;
    let failed = |error| transaction.failed(error).reading(std::slice::from_ref(&read.table));
    let row = transaction
        .client()?
        .query_typed_one(&read.sql, &[(&horizon, Type::TEXT), (&writers.ids, Type::TEXT_ARRAY)])
        .await;
    let rows = row.and_then(|row| row.try_get(0)).map_err(failed)?;
    transaction.finish().await?;
    Ok(rows)
}
