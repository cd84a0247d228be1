//! An organisation's rows of one collection, cut into ranges for batches of about equal size.

use chrono::{DateTime, Utc};
use domain::datamap::Collection;
use domain::id::OrganisationId;
use domain::schema::{LiveSchema, TableName};

use crate::cutoff::Cutoff;
use crate::error::StoreError;
use crate::export::{rows_of, tables_of};
use crate::range::{self, KeyRange};
use crate::read::ReadTransaction;
use crate::split::{Chosen, Cut};
use crate::sql::PlanError;

/// The cutting of one collection.
pub struct RangeRead {
    predicate: String,
    key: Vec<String>,
    tables: Vec<TableName>,
}

impl RangeRead {
    /// Plans the cutting of the rows that were there at the cutoff. Rows that are held or spared lie
    /// in the ranges like all others: statements leave them out.
    ///
    /// # Errors
    /// When the live schema has not what the map needs to find the organisation's rows.
    pub fn plan(
        collection: &Collection,
        schema: &LiveSchema,
        organisation: &OrganisationId,
        cutoff_at: DateTime<Utc>,
    ) -> Result<Self, PlanError> {
        let name = &collection.table;
        let table = schema.tables.get(name).ok_or_else(|| PlanError::NoTable(name.clone()))?;
        let predicate = rows_of(collection, schema, organisation, Some(Cutoff::of_erasure(cutoff_at)))?;
        Ok(Self { predicate, key: range::key(table), tables: tables_of(collection) })
    }
}

impl ReadTransaction {
    /// Cuts the rows into ranges of about so many each; `rows` is how many there are. The same rows
    /// give the same ranges, and every key lies in exactly one of them, one that comes later
    /// included. Without a key to cut along they stay in one range.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ranges(&self, read: &RangeRead, rows: i64, size: u32) -> Result<Vec<KeyRange>, StoreError> {
        let RangeRead { predicate, key, tables } = read;
        let size = i64::from(size.max(1));
        let parts = rows.max(0) / size + i64::from(rows % size > 0);
        self.cut(&Cut { tables, predicate, key, chosen: Chosen::ByKey }, (rows, parts)).await
    }
}
