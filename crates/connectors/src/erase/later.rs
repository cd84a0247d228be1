//! How many rows an erasure leaves because they were made after its cutoff, told before it begins.

use domain::schema::{LiveSchema, TableName};

use crate::erase::keyed::Parameters;
use crate::erase::row::Row;
use crate::erase::scope::EraseScope;
use crate::erase::survey::Part;
use crate::error::StoreError;
use crate::export::tables_of;
use crate::read::ReadTransaction;
use crate::sql::{self, PlanError};

/// The count of one part.
pub struct LaterRead {
    sql: String,
    parameters: Parameters<'static>,
    tables: Vec<TableName>,
}

impl LaterRead {
    /// Plans the count; `None` where no cutoff leaves a row.
    ///
    /// # Errors
    /// When the live schema has not what the map or the rows need.
    pub fn plan(part: &Part<'_>, schema: &LiveSchema) -> Result<Option<Self>, PlanError> {
        let Part { collection, scope, rows, .. } = part;
        if collection.created_at.is_none() || scope.cutoff_at.is_none() {
            return Ok(None);
        }
        // What refers to a row that is left anyway does not matter.
        let scope = EraseScope { guards: &[], ..*scope };
        let mut parameters = Parameters::default();
        let row = Row::plan(collection, schema, &scope, rows, &mut parameters)?;
        let sql = format!(
            "SELECT pg_catalog.count(*) FROM {} t0{} WHERE {} AND {}",
            sql::relation(&collection.table),
            row.joined,
            row.ours,
            row.later()
        );
        Ok(Some(Self { sql, parameters, tables: tables_of(collection) }))
    }
}

impl ReadTransaction {
    /// How many rows of the part were made after the cutoff.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn later(&self, read: &LaterRead) -> Result<i64, StoreError> {
        let row = self.client()?.query_typed_one(&read.sql, &read.parameters.typed()).await;
        row.and_then(|row| row.try_get(0)).map_err(|error| self.failed(error).reading(&read.tables))
    }
}
