//! The mark on an organisation that is to be erased: the soft-delete column of its row, set at once and
//! taken away again when the erasure is called off.
//!
//! Both are entered in the journal. Taking the mark away first takes the place of setting it: when that
//! has not happened it never will, not even by a worker that comes back from the dead.

use domain::datamap::DataMap;
use domain::id::OrganisationId;
use domain::schema::{LiveColumn, LiveSchema, TypeFamily};

use crate::erase::batch::{Batch, EraseError, Erased, run_batch};
use crate::erase::journal::BatchId;
use crate::erase::statement::EraseStatement;
use crate::error::StoreError;
use crate::pool::SubjectStore;
use crate::sql::{self, PlanError};

/// The statements that set the mark of one organisation and take it away.
#[derive(Debug)]
pub struct OrganisationMark {
    set: EraseStatement<'static>,
    unset: EraseStatement<'static>,
}

impl OrganisationMark {
    /// Plans both; `None` where the data map names no soft-delete column.
    ///
    /// # Errors
    /// When the live schema has not what the map names, or the column is of a type that no mark fits.
    pub fn plan(
        map: &DataMap,
        schema: &LiveSchema,
        organisation: &OrganisationId,
    ) -> Result<Option<Self>, PlanError> {
        let (dataset, root) = map.organisation().ok_or(PlanError::NoOrganisations)?;
        let collection = dataset.collection(&root.collection).ok_or(PlanError::NoOrganisations)?;
        let Some(name) = &root.soft_delete else { return Ok(None) };
        let table = &collection.table;
        let column = sql::live_column(schema, table, name)?;
        let (marked, unmarked, is_marked) = mark(column).ok_or_else(|| PlanError::Misfit {
            table: table.clone(),
            column: name.clone(),
            strategy: "soft_delete",
        })?;
        let key = sql::live_column(schema, table, &root.key)?;
        let row = sql::key_predicate(0, key, organisation);
        let (relation, column) = (sql::relation(table), sql::identifier(&column.name));
        let update = |value: &str, condition: &str| {
            let sql = format!("UPDATE {relation} t0 SET {column} = {value} WHERE {row} AND {condition}");
            EraseStatement::of_one(sql, table.clone())
        };
        Ok(Some(Self {
            set: update(&marked, &format!("NOT (t0.{column} {is_marked})")),
            unset: update(&unmarked, &format!("t0.{column} {is_marked}")),
        }))
    }
}

/// What the column is set to, what it was, and how a row that is marked is known. A column that must
/// hold something is only a boolean.
fn mark(column: &LiveColumn) -> Option<(String, String, &'static str)> {
    let (now, null, is_set) = ("pg_catalog.clock_timestamp()", "NULL".to_owned(), "IS NOT NULL");
    match column.family {
        TypeFamily::Boolean => Some(("TRUE".to_owned(), "FALSE".to_owned(), "IS TRUE")),
        TypeFamily::Timestamp | TypeFamily::TimestampTz | TypeFamily::Date if !column.not_null => {
            Some((format!("{now}::{}", column.sql_type), null, is_set))
        }
        _ => None,
    }
}

/// Sets the mark, once; 0 rows when it was set already, by whomever.
///
/// # Errors
/// When the store fails.
pub async fn set_mark(
    store: &SubjectStore,
    id: BatchId,
    mark: &OrganisationMark,
) -> Result<Erased, EraseError> {
    run_batch(store, &Batch { id, statements: std::slice::from_ref(&mark.set), planned: None }).await
}

/// Takes the mark away that `set` has set, once, or sees to it that it never will be.
///
/// # Errors
/// When the store fails.
pub async fn unset_mark(
    store: &SubjectStore,
    (set, unset): (BatchId, BatchId),
    mark: &OrganisationMark,
) -> Result<Erased, EraseError> {
    if occupied(store, &set).await? == 0 {
        return run_batch(store, &Batch { id: unset, statements: &[], planned: None }).await;
    }
    run_batch(store, &Batch { id: unset, statements: std::slice::from_ref(&mark.unset), planned: None }).await
}

/// Takes the place of a batch in the journal unless it is done; how many rows it has changed.
async fn occupied(store: &SubjectStore, batch: &BatchId) -> Result<u64, StoreError> {
    let transaction = store.begin_erase().await?;
    if let Some(rows) = transaction.done(batch).await? {
        transaction.rollback().await?;
        return Ok(rows);
    }
    transaction.enter(batch, 0).await?;
    transaction.commit().await?;
    Ok(0)
}
