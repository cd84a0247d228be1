//! What the reader's role may do beyond reading.

use domain::schema::TableName;
use tokio_postgres::types::Type;

use crate::error::StoreError;
use crate::read::ReadTransaction;

/// The first of the tables that the role may change: as a superuser, as its owner (who may grant
/// himself what he lacks), by a grant on it or on some of its columns.
const CAN_WRITE: &str = "\
SELECT w.place
FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]))
     WITH ORDINALITY w (schema, name, place)
JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
WHERE pg_catalog.pg_has_role(c.relowner, 'MEMBER')
   OR pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
   OR pg_catalog.has_any_column_privilege(c.oid, 'INSERT, UPDATE')
ORDER BY w.place LIMIT 1";

impl ReadTransaction {
    /// The first of these tables that the role may write to; `None` when it may only read them.
    ///
    /// Every transaction is READ ONLY whatever the role may do. A role that can do no more than it
    /// must is the second lock on the same door.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn can_write(&self, tables: &[TableName]) -> Result<Option<TableName>, StoreError> {
        let schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
        let names: Vec<&str> = tables.iter().map(|table| table.table.as_str()).collect();
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)];
        let failed = |error| self.failed(error);
        let row = self.client()?.query_typed_opt(CAN_WRITE, &parameters).await.map_err(failed)?;
        let place: Option<i64> = row.map(|row| row.try_get(0)).transpose().map_err(failed)?;
        let index = place.and_then(|place| usize::try_from(place).ok()?.checked_sub(1));
        Ok(index.and_then(|index| tables.get(index)).cloned())
    }
}
