//! One batch: its statement and its entry in the journal, in one transaction.

use domain::id::OrganisationId;
use domain::schema::TableName;

use crate::erase::effects::{Effects, Unplanned};
use crate::erase::journal::BatchId;
use crate::erase::statement::EraseStatement;
use crate::erase::write::EraseTransaction;
use crate::error::StoreError;
use crate::pool::SubjectStore;

/// What is to be done once.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Under which name it is entered in the journal.
    pub id: BatchId,
    /// What it does, one after the other.
    pub statements: &'a [EraseStatement<'a>],
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
    /// A row that was not there when the batch began refers to one that it deletes. Begun again, with the
    /// rows locked first, it leaves that one.
    #[error("a row that came meanwhile refers to one that would be deleted; nothing was done")]
    Disturbed(#[source] Box<StoreError>),
    /// Something else was changed than the rows that were meant: a row that came meanwhile went along, or
    /// a trigger has written elsewhere.
    #[error("{}; nothing was done", told(.0))]
    Unplanned(Vec<Unplanned>),
    /// More rows than keys were given: several have the same key, as those of inheriting tables can.
    #[error(
        "{found} rows of {table} would be erased, but {keys} were planned by their keys; nothing was done"
    )]
    MoreThanPlanned {
        /// The table.
        table: TableName,
        /// How many keys were given.
        keys: u64,
        /// How many there are.
        found: u64,
    },
}

fn told(unplanned: &[Unplanned]) -> String {
    unplanned.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The server's code for a foreign key that would be broken.
const BROKEN_REFERENCE: &str = "23503";

impl EraseError {
    pub(crate) fn from_store(error: StoreError) -> Self {
        match error.sqlstate() {
            Some(BROKEN_REFERENCE) => Self::Disturbed(Box::new(error)),
            _ => Self::Store(error),
        }
    }
}

/// Does the batch, unless the journal has it already.
///
/// # Errors
/// When the store fails, or more rows would be erased than were planned.
pub async fn run_batch(store: &SubjectStore, batch: &Batch<'_>) -> Result<Erased, EraseError> {
    let transaction = store.begin_erase().await?;
    let (done, before) = OpenBatch::look_up(&transaction, batch.id).await?;
    match OpenBatch::open_unless_done(store, transaction, batch.id, done, before).await? {
        Begun::Done(rows) => Ok(Erased { rows, already_done: true }),
        Begun::Open(open) => open.commit(batch.statements).await,
    }
}

/// A batch that is begun.
#[derive(Debug)]
pub enum Begun {
    /// The journal already has it, with this number of rows.
    Done(u64),
    /// It is to be done, in the transaction that is open.
    Open(Box<OpenBatch>),
}

/// A batch whose transaction is open: legal holds on the organisation that are placed from now on bind
/// after it, so those that bind already are read now, before anything is written.
///
/// End it with [`commit`](Self::commit) or [`give_up`](Self::give_up). Dropped instead, it is rolled back.
#[derive(Debug)]
pub struct OpenBatch {
    store: SubjectStore,
    transaction: EraseTransaction,
    id: BatchId,
    /// What the server had counted before anything was done.
    before: Effects,
}

impl OpenBatch {
    /// Begins a batch under the lock by which holds bind, and looks whether the journal has it.
    ///
    /// # Errors
    /// When the store fails, or the placement of a hold keeps the lock for too long.
    pub async fn begin(
        store: &SubjectStore,
        id: BatchId,
        organisation: &OrganisationId,
    ) -> Result<Begun, StoreError> {
        let transaction = store.begin_erase().await?;
        // Sent at once and carried out in this order: two batches that took the locks in another would deadlock.
        let (shared, found) =
            tokio::join!(biased; transaction.share_holds(organisation), Self::look_up(&transaction, id));
        shared?;
        let (done, before) = found?;
        Self::open_unless_done(store, transaction, id, done, before).await
    }

    /// The rows of the batch, if it is done, and what the server has counted so far.
    async fn look_up(
        transaction: &EraseTransaction,
        id: BatchId,
    ) -> Result<(Option<u64>, Effects), StoreError> {
        let (done, before) = tokio::join!(biased; transaction.done(&id), transaction.effects());
        Ok((done?, before?))
    }

    async fn open_unless_done(
        store: &SubjectStore,
        transaction: EraseTransaction,
        id: BatchId,
        done: Option<u64>,
        before: Effects,
    ) -> Result<Begun, StoreError> {
        if let Some(rows) = done {
            transaction.rollback().await?;
            return Ok(Begun::Done(rows));
        }
        Ok(Begun::Open(Box::new(Self { store: store.clone(), transaction, id, before })))
    }

    /// The transaction, to read in it what the statements need.
    #[must_use]
    pub fn transaction(&self) -> &EraseTransaction {
        &self.transaction
    }

    /// Undoes everything; the batch can be begun again.
    ///
    /// # Errors
    /// When the store fails; it is undone all the same.
    pub async fn give_up(self) -> Result<(), StoreError> {
        self.transaction.rollback().await
    }

    /// Executes the statements one after the other, enters the batch into the journal, and commits, when
    /// what has changed is what was meant to. What waits for the end of a transaction is had before that is
    /// compared: the triggers among it write too.
    ///
    /// # Errors
    /// [`EraseError`]; nothing is done then, or it is not known whether it is, and running the batch again
    /// is safe.
    pub async fn commit(self, statements: &[EraseStatement<'_>]) -> Result<Erased, EraseError> {
        let Self { store, transaction, id, before } = self;
        let (rows, meant) = match execute(&transaction, statements).await {
            Ok(done) => done,
            Err(error) => {
                transaction.rollback().await?;
                return Err(error);
            }
        };
        // Sent at once, and carried out in this order.
        let (entered, checked, after) = tokio::join!(
            biased;
            transaction.enter(&id, rows),
            transaction.check_constraints(),
            transaction.effects()
        );
        // Nobody who took its lock has; but nothing forces anybody to take it.
        if !entered? {
            transaction.rollback().await?;
            return Ok(Erased { rows: settled(&store, &id).await?.unwrap_or_default(), already_done: true });
        }
        if let Err(error) = checked {
            transaction.rollback().await?;
            return Err(EraseError::from_store(error));
        }
        let unplanned = after?.since(&before).unplanned(&meant.with_entry());
        if !unplanned.is_empty() {
            transaction.rollback().await?;
            return Err(EraseError::Unplanned(unplanned));
        }
        match transaction.commit().await {
            Ok(()) => Ok(Erased { rows, already_done: false }),
            Err(lost) => match settled(&store, &id).await? {
                Some(rows) => Ok(Erased { rows, already_done: false }),
                None => Err(EraseError::from_store(lost)),
            },
        }
    }
}

/// How many rows the statements have erased, and what they say of it.
async fn execute(
    transaction: &EraseTransaction,
    statements: &[EraseStatement<'_>],
) -> Result<(u64, Effects), EraseError> {
    let (mut rows, mut meant) = (0_u64, Effects::default());
    for statement in statements {
        let found = transaction.execute(statement).await.map_err(EraseError::from_store)?;
        (rows, meant) = (rows.saturating_add(found), meant.with(statement, found));
        if let Some(keys) = statement.at_most().filter(|keys| found > *keys) {
            return Err(EraseError::MoreThanPlanned { table: statement.table().clone(), keys, found });
        }
    }
    Ok((rows, meant))
}

/// What the journal says after a commit that was not answered. It waits until the server has done
/// with that transaction, one way or the other, so that the answer is final.
pub(crate) async fn settled(store: &SubjectStore, batch: &BatchId) -> Result<Option<u64>, StoreError> {
    let transaction = store.begin_erase().await?;
    let rows = transaction.done(batch).await?;
    transaction.rollback().await?;
    Ok(rows)
}
