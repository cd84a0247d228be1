//! The mark that hides an organisation while its erasure waits, set once and taken back once.
//!
//! Marking is a batch like any other. Taking it back looks into the journal for what marking did:
//! where it never ran, its place is taken, so that it never will; where it changed the row, the row
//! is changed back. Both wait for each other at the same lock.

use domain::erasure::{Mark, SoftDelete};
use domain::id::OrganisationId;
use domain::schema::LiveSchema;

use crate::erase::batch::{EraseError, Erased, settled};
use crate::erase::journal::BatchId;
use crate::erase::statement::EraseStatement;
use crate::pool::SubjectStore;
use crate::sql::{self, PlanError};

impl EraseStatement<'_> {
    /// Marks the organisation as deleted, by the store's clock, unless it is so already.
    ///
    /// # Errors
    /// When the live schema has not the columns.
    pub fn soft_delete(
        mark: &SoftDelete,
        schema: &LiveSchema,
        organisation: &OrganisationId,
    ) -> Result<Self, PlanError> {
        let now = "pg_catalog.clock_timestamp()";
        let utc = format!("pg_catalog.timezone('UTC', {now})");
        let value = match mark.mark {
            Mark::TimestampTz => now.to_owned(),
            Mark::Timestamp => utc,
            Mark::Date => format!("{utc}::pg_catalog.date"),
            Mark::True => "TRUE".to_owned(),
        };
        Self::marking(mark, schema, organisation, &value, false)
    }

    /// Takes the mark back.
    ///
    /// # Errors
    /// When the live schema has not the columns.
    pub fn undo_soft_delete(
        mark: &SoftDelete,
        schema: &LiveSchema,
        organisation: &OrganisationId,
    ) -> Result<Self, PlanError> {
        let value = if mark.mark == Mark::True { "FALSE" } else { "NULL" };
        Self::marking(mark, schema, organisation, value, true)
    }

    fn marking(
        SoftDelete { table, key, column, mark, .. }: &SoftDelete,
        schema: &LiveSchema,
        organisation: &OrganisationId,
        value: &str,
        marked: bool,
    ) -> Result<Self, PlanError> {
        let own = sql::key_predicate(0, sql::live_column(schema, table, key)?, organisation);
        let column = sql::identifier(&sql::live_column(schema, table, column)?.name);
        let is = match (mark, marked) {
            (Mark::True, true) => "IS TRUE",
            (Mark::True, false) => "IS NOT TRUE",
            (_, true) => "IS NOT NULL",
            (_, false) => "IS NULL",
        };
        let relation = sql::relation(table);
        let sql = format!("UPDATE {relation} t0 SET {column} = {value} WHERE {own} AND t0.{column} {is}");
        Ok(Self::of_organisation(sql, table))
    }
}

/// Takes back what the batch `marking` did, once, and sees to it that it does nothing from now on.
/// `own` is the entry of taking back; `statement` is [`EraseStatement::undo_soft_delete`].
///
/// # Errors
/// When the store fails; running it again is safe.
pub async fn restore(
    store: &SubjectStore,
    marking: &BatchId,
    own: &BatchId,
    statement: &EraseStatement<'_>,
) -> Result<Erased, EraseError> {
    let transaction = store.begin_erase().await?;
    // In this order everywhere: two that wait for each other would wait for ever.
    let marked = transaction.done(marking).await?;
    if let Some(rows) = transaction.done(own).await? {
        transaction.rollback().await?;
        return Ok(Erased { rows, already_done: true });
    }
    let rows = match marked {
        Some(0) => 0,
        Some(_) => transaction.execute(statement).await?,
        None => {
            transaction.enter(marking, 0).await?;
            0
        }
    };
    transaction.enter(own, rows).await?;
    match transaction.commit().await {
        Ok(()) => Ok(Erased { rows, already_done: false }),
        Err(lost) => match settled(store, own).await? {
            Some(rows) => Ok(Erased { rows, already_done: false }),
            None => Err(lost.into()),
        },
    }
}
