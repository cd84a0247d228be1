//! The mark that hides an organisation while its erasure waits, set once and taken back once.
//!
//! Marking is a batch like any other. Taking it back looks into the journal for what marking did:
//! where it never ran, its place is taken, so that it never will; where it changed the row, the row
//! is changed back. Both wait for each other at the same lock, and leave a row alone that a legal hold keeps.

use domain::erasure::{Mark, SoftDelete};
use domain::hold::Hold;
use domain::id::OrganisationId;
use domain::schema::{LiveSchema, TableName};
use uuid::Uuid;

use crate::erase::batch::{EraseError, Erased, settled};
use crate::erase::journal::BatchId;
use crate::erase::keyed::Parameters;
use crate::erase::scope;
use crate::erase::statement::EraseStatement;
use crate::erase::write::EraseTransaction;
use crate::error::StoreError;
use crate::pool::SubjectStore;
use crate::sql::{self, PlanError};

impl EraseStatement<'_> {
    /// Marks the organisation as deleted, by the store's clock, unless it is so already.
    ///
    /// # Errors
    /// When the live schema does not have the columns.
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
    /// When the live schema does not have the columns.
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

/// Whether legal holds keep the organisation's own row.
pub struct MarkHeld {
    sql: String,
    parameters: Parameters<'static>,
    holds: Vec<Uuid>,
    table: TableName,
}

impl MarkHeld {
    /// Plans to ask it of these holds on rows of the table.
    ///
    /// # Errors
    /// When the live schema does not have the columns.
    pub fn plan(
        SoftDelete { table, key, .. }: &SoftDelete,
        schema: &LiveSchema,
        organisation: &OrganisationId,
        holds: &[Hold],
    ) -> Result<Self, PlanError> {
        let own = sql::key_predicate(0, sql::live_column(schema, table, key)?, organisation);
        let (mut parameters, mut held) = (Parameters::default(), Vec::new());
        for hold in holds {
            held.push(format!("({}) IS TRUE", scope::held(table, schema, &hold.rows, &mut parameters)?));
        }
        let (held, relation) = (held.join(", "), sql::relation(table));
        let sql = format!("SELECT {held} FROM {relation} t0 WHERE {own} FOR NO KEY UPDATE OF t0");
        Ok(Self { sql, parameters, holds: holds.iter().map(|hold| hold.id).collect(), table: table.clone() })
    }
}

impl EraseTransaction {
    /// The first of the holds that keeps the organisation's own row. The row stays as it is then until the
    /// transaction ends, so that none comes to keep it meanwhile.
    ///
    /// # Errors
    /// When the row is not to be had in time, or the store fails.
    pub async fn keeps(&self, asked: &MarkHeld) -> Result<Option<Uuid>, StoreError> {
        if asked.holds.is_empty() {
            return Ok(None);
        }
        let failed = |error| self.failed(error).reading(std::slice::from_ref(&asked.table));
        let row = self.client()?.query_typed_opt(&asked.sql, &asked.parameters.typed()).await;
        let Some(row) = row.map_err(failed)? else { return Ok(None) };
        for (at, hold) in asked.holds.iter().enumerate() {
            if row.try_get(at).map_err(failed)? {
                return Ok(Some(*hold));
            }
        }
        Ok(None)
    }
}

/// Taking back what the batch `marking` did.
#[derive(Debug)]
pub enum BegunRestoring {
    /// The journal already has it, with this number of rows.
    Done(u64),
    /// It is to be done, in the transaction that is open.
    Open(Box<Restoring>),
}

/// Taking a mark back, begun as an [`OpenBatch`](crate::erase::OpenBatch) is: the legal holds that bind it
/// are read now.
#[derive(Debug)]
pub struct Restoring {
    store: SubjectStore,
    transaction: EraseTransaction,
    marking: BatchId,
    own: BatchId,
    /// The rows that marking changed, if it ran.
    marked: Option<u64>,
}

impl Restoring {
    /// Begins to take back what the batch `marking` did, once; `own` is the entry of taking it back.
    ///
    /// # Errors
    /// When the store fails, or the placement of a hold keeps the lock for too long.
    pub async fn begin(
        store: &SubjectStore,
        (marking, own): (BatchId, BatchId),
        organisation: &OrganisationId,
    ) -> Result<BegunRestoring, StoreError> {
        let transaction = store.begin_erase().await?;
        // In this order everywhere: two that wait for each other would wait for ever.
        transaction.share_holds(organisation).await?;
        let marked = transaction.done(&marking).await?;
        if let Some(rows) = transaction.done(&own).await? {
            transaction.rollback().await?;
            return Ok(BegunRestoring::Done(rows));
        }
        let store = store.clone();
        Ok(BegunRestoring::Open(Box::new(Self { store, transaction, marking, own, marked })))
    }

    /// Whether there is a mark to be taken away.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.marked.is_some_and(|rows| rows > 0)
    }

    /// The transaction, to read in it what keeps the row.
    #[must_use]
    pub fn transaction(&self) -> &EraseTransaction {
        &self.transaction
    }

    /// Undoes everything; it can be begun again.
    ///
    /// # Errors
    /// When the store fails; it is undone all the same.
    pub async fn give_up(self) -> Result<(), StoreError> {
        self.transaction.rollback().await
    }

    /// Takes the mark away, if there is one, and sees to it that none is set from now on. The statement is
    /// [`EraseStatement::undo_soft_delete`].
    ///
    /// # Errors
    /// When the store fails; running it again is safe.
    pub async fn commit(self, statement: &EraseStatement<'_>) -> Result<Erased, EraseError> {
        let Self { store, transaction, marking, own, marked } = self;
        let rows = match marked {
            Some(0) => 0,
            Some(_) => transaction.execute(statement).await?,
            None => {
                transaction.enter(&marking, 0).await?;
                0
            }
        };
        transaction.enter(&own, rows).await?;
        match transaction.commit().await {
            Ok(()) => Ok(Erased { rows, already_done: false }),
            Err(lost) => match settled(&store, &own).await? {
                Some(rows) => Ok(Erased { rows, already_done: false }),
                None => Err(EraseError::from_store(lost)),
            },
        }
    }
}
