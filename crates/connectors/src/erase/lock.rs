//! Locking rows before they are deleted, so that nothing comes to refer to them meanwhile.

use domain::datamap::Collection;
use domain::schema::{LiveSchema, TableName};
use tokio_postgres::types::Type;

use crate::erase::keyed::{Parameters, Selected};
use crate::erase::scope::EraseScope;
use crate::erase::statement::Rows;
use crate::erase::write::EraseTransaction;
use crate::error::StoreError;
use crate::export::tables_of;
use crate::sql::{self, PlanError};

/// A row is locked by who may update any column of its table.
const MAY_LOCK_ROWS: &str = "SELECT pg_catalog.has_any_column_privilege($1::pg_catalog.text, 'UPDATE')";

/// The locking of the rows of a scope.
pub struct RowLock {
    sql: String,
    parameters: Parameters<'static>,
    relation: String,
    tables: Vec<TableName>,
}

impl RowLock {
    /// Plans to lock the rows.
    ///
    /// # Errors
    /// When the live schema has not what the map or the rows need.
    pub fn plan(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &EraseScope<'_>,
        rows: &Rows<'_>,
    ) -> Result<Self, PlanError> {
        let mut parameters = Parameters::default();
        let Selected { source, conditions, .. } =
            Selected::of(collection, schema, scope, rows, &mut parameters)?;
        let relation = sql::relation(&collection.table);
        let from = source.map(|source| format!(", {source}")).unwrap_or_default();
        // Counted, so that no row leaves the server; the subquery is not flattened, and locks each row.
        let sql = format!(
            "SELECT pg_catalog.count(*) FROM (SELECT FROM {relation} t0{from} WHERE {conditions} FOR UPDATE OF t0) locked"
        );
        Ok(Self { sql, parameters, relation, tables: tables_of(collection) })
    }
}

impl EraseTransaction {
    /// Locks the rows until the transaction ends. A foreign key that refers to one of them waits.
    ///
    /// A role that may only delete cannot lock rows; it locks the table against all who write instead.
    ///
    /// # Errors
    /// When a lock is not had in time, or the store fails.
    pub async fn lock(&self, lock: &RowLock) -> Result<(), StoreError> {
        let failed = |error| self.failed(error).reading(&lock.tables);
        let client = self.client()?;
        let may = client.query_typed_one(MAY_LOCK_ROWS, &[(&lock.relation, Type::TEXT)]).await;
        if may.and_then(|row| row.try_get(0)).map_err(failed)? {
            return client.query_typed(&lock.sql, &lock.parameters.typed()).await.map(drop).map_err(failed);
        }
        let table = format!("LOCK TABLE {} IN EXCLUSIVE MODE", lock.relation);
        client.batch_execute(&table).await.map_err(failed)
    }
}
