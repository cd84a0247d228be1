//! One batch: its statement and its entry in the journal, in one transaction.

use domain::schema::TableName;

use crate::erase::journal::BatchId;
use crate::erase::statement::EraseStatement;
use crate::error::StoreError;
use crate::pool::SubjectStore;

/// What is to be done once.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Under which name it is entered in the journal.
    pub id: BatchId,
    /// What it does, one after the other.
    pub statements: &'a [EraseStatement<'a>],
    /// How many rows were planned. If there are more, nothing is done.
    pub planned: Option<u64>,
}

/// What a batch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// The rows that it deleted or changed, exactly.
    pub rows: u64,
    /// Whether it was done before, by somebody else or in an earlier attempt.
    pub already_done: bool,
}

/// Why a batch was not done. Nothing of it is, then, or it is not known; running it again is safe.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More rows than were planned.
    #[error("{found} rows of {table} would be erased, but {planned} were planned; nothing was done")]
    MoreThanPlanned {
        /// The table.
        table: TableName,
        /// How many were planned.
        planned: u64,
        /// How many there are.
        found: u64,
    },
}

/// Does the batch, unless the journal has it already.
///
/// # Errors
/// When the store fails, or more rows would be erased than were planned.
pub async fn run_batch(store: &SubjectStore, batch: &Batch<'_>) -> Result<Erased, EraseError> {
    let transaction = store.begin_erase().await?;
    if let Some(rows) = transaction.done(&batch.id).await? {
        transaction.rollback().await?;
        return Ok(Erased { rows, already_done: true });
    }
    let mut rows = 0_u64;
    for statement in batch.statements {
        let found = transaction.execute(statement).await?;
        rows = rows.saturating_add(found);
        let limits = [statement.at_most().map(|most| (found, most)), batch.planned.map(|most| (rows, most))];
        if let Some((found, planned)) = limits.into_iter().flatten().find(|(found, most)| found > most) {
            transaction.rollback().await?;
            let table = statement.table().clone();
            return Err(EraseError::MoreThanPlanned { table, planned, found });
        }
    }
    if !transaction.enter(&batch.id, rows).await? {
        transaction.rollback().await?;
        return Ok(Erased { rows: settled(store, &batch.id).await?.unwrap_or_default(), already_done: true });
    }
    match transaction.commit().await {
        Ok(()) => Ok(Erased { rows, already_done: false }),
        Err(lost) => match settled(store, &batch.id).await? {
            Some(rows) => Ok(Erased { rows, already_done: false }),
            None => Err(lost.into()),
        },
    }
}

/// What the journal says after a commit that was not answered. It waits until the server has done
/// with that transaction, one way or the other, so that the answer is final.
pub(crate) async fn settled(store: &SubjectStore, batch: &BatchId) -> Result<Option<u64>, StoreError> {
    let transaction = store.begin_erase().await?;
    let rows = transaction.done(batch).await?;
    transaction.rollback().await?;
    Ok(rows)
}
