//! The journal: which batches are done, in the database whose rows they changed.
//!
//! Its entry commits with the batch or not at all. The role may add entries and read them, not
//! change them: they are evidence. Each entry keeps the id of its transaction, so that whether a row was
//! written last by a job can be seen by the row itself, whatever is in its columns.

use domain::id::{JobId, StepNo};
use tokio_postgres::types::{ToSql, Type};

use crate::erase::write::EraseTransaction;
use crate::error::StoreError;
use crate::pool::SubjectStore;
use crate::read::ReadTransaction;
use crate::session::Session;
use crate::sql;

/// One batch of a step of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchId {
    /// The job.
    pub job: JobId,
    /// Its step.
    pub step: StepNo,
    /// The batch inside the step.
    pub batch: i32,
}

/// What the journal has of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepTotal {
    /// The step.
    pub step: StepNo,
    /// How many of its batches are done.
    pub batches: i64,
    /// How many rows they deleted or changed.
    pub rows: i64,
}

/// The transactions in which a job has erased rows, the first one first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Writers {
    /// Their ids, as `xmin` of the rows has them.
    pub ids: Vec<String>,
    /// Whether these are all: entries that an earlier version made have none.
    pub complete: bool,
}

/// What an administrator runs once in a store before anything can be erased in it, for the role
/// that erases. It may be run again.
#[must_use]
pub fn journal_ddl(role: &str) -> String {
    let role = sql::identifier(role);
    format!(
        "\
CREATE SCHEMA IF NOT EXISTS lethe;
CREATE TABLE IF NOT EXISTS lethe.journal (
    job_id   uuid        NOT NULL,
    step_no  integer     NOT NULL,
    batch_no integer     NOT NULL,
    rows     bigint      NOT NULL CHECK (rows >= 0),
    at       timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    xid      xid8        DEFAULT pg_catalog.pg_current_xact_id(),
    PRIMARY KEY (job_id, step_no, batch_no)
);
ALTER TABLE lethe.journal ADD COLUMN IF NOT EXISTS xid xid8;
ALTER TABLE lethe.journal ALTER COLUMN xid SET DEFAULT pg_catalog.pg_current_xact_id();
REVOKE ALL ON lethe.journal FROM PUBLIC, {role};
GRANT USAGE ON SCHEMA lethe TO {role};
GRANT SELECT, INSERT ON lethe.journal TO {role};
"
    )
}

/// That a row was written by this transaction or later. A row keeps the number of its transaction for ever,
/// and numbers come round: one of more than half a round ago has a negative age, and is older than all that
/// anybody asks about.
pub(super) fn written_since(row: &str, transaction: &str) -> String {
    format!("(pg_catalog.age({row}.xmin) BETWEEN 0 AND pg_catalog.age({transaction}))")
}

/// Held to the end of the transaction. Whoever has it knows that no other transaction is in the
/// middle of this batch, not even one whose client is gone.
const LOCK: &str = "\
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(
    pg_catalog.concat_ws('/', 'lethe.journal', $1, $2, $3), 0))";

const FIND: &str = "SELECT rows FROM lethe.journal WHERE job_id = $1 AND step_no = $2 AND batch_no = $3";

const ADD: &str = "\
INSERT INTO lethe.journal (job_id, step_no, batch_no, rows) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

/// The entries of a job that erased rows.
///
/// To mark the organisation as deleted, which may be long before, is not to erase it; nor is to take the mark
/// away. Whether a job marks its first step tells, which plans otherwise and has no entry: then the second
/// plans, and takes the mark away when there is to be no erasure.
macro_rules! erasing {
    () => {
        "FROM lethe.journal WHERE job_id = $1 AND rows > 0 AND step_no > CASE WHEN EXISTS (
            SELECT FROM lethe.journal m WHERE m.job_id = $1 AND m.step_no = 1) THEN 2 ELSE 1 END"
    };
}

/// The transactions of a job as rows name those that wrote them: the lower 32 bits of the id. Entries of
/// earlier versions have none.
const WRITERS: &str = concat!(
    "SELECT (xid::pg_catalog.text::pg_catalog.numeric % 4294967296)::pg_catalog.text ",
    erasing!(),
    " ORDER BY xid"
);

/// Whether there is any.
const BEGUN: &str = concat!("SELECT EXISTS (SELECT ", erasing!(), ")");

const TOTALS: &str = "\
SELECT step_no, pg_catalog.count(*), pg_catalog.sum(rows)::pg_catalog.int8
FROM lethe.journal WHERE job_id = $1 GROUP BY step_no ORDER BY step_no";

type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl BatchId {
    fn parameters(&self) -> [Parameter<'_>; 3] {
        [(&self.job.0, Type::UUID), (&self.step.0, Type::INT4), (&self.batch, Type::INT4)]
    }
}

impl EraseTransaction {
    /// Waits until nobody else is at this batch; the rows it changed, if it is done already.
    pub(crate) async fn done(&self, batch: &BatchId) -> Result<Option<u64>, StoreError> {
        let (client, parameters) = (self.client()?, batch.parameters());
        // Two statements, sent at once: the second must not look before the lock is there.
        let (lock, found) = tokio::join!(
            biased;
            client.query_typed(LOCK, &parameters),
            client.query_typed_opt(FIND, &parameters)
        );
        let rows = lock.and(found).and_then(|row| row.map(|row| row.try_get::<_, i64>(0)).transpose());
        let rows = rows.map_err(|error| self.failed(error))?;
        Ok(rows.map(|rows| u64::try_from(rows).unwrap_or_default()))
    }

    /// Enters the batch; false when it is there already, and this transaction must not commit.
    pub(crate) async fn enter(&self, batch: &BatchId, rows: u64) -> Result<bool, StoreError> {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        let [job, step, number] = batch.parameters();
        let parameters = [job, step, number, (&rows, Type::INT8)];
        let added = self.client()?.execute_typed(ADD, &parameters).await;
        added.map(|added| added == 1).map_err(|error| self.failed(error))
    }
}

impl SubjectStore {
    /// What the journal has of a job, step by step.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn journal(&self, job: JobId) -> Result<Vec<StepTotal>, StoreError> {
        let transaction = self.begin_read().await?;
        let totals = transaction.journal(job).await?;
        transaction.finish().await?;
        Ok(totals)
    }
}

impl SubjectStore {
    /// The transactions in which a job has erased rows: those that marked the organisation are none.
    ///
    /// # Errors
    /// When the store fails, or its journal is of an earlier version and keeps none.
    pub async fn writers(&self, job: JobId) -> Result<Writers, StoreError> {
        let transaction = self.begin_read().await?;
        let client = transaction.client()?;
        let found = client.query_typed(WRITERS, &[(&job.0, Type::UUID)]).await;
        let ids = found.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
        let ids: Vec<Option<String>> = ids.map_err(|error| transaction.failed(error))?;
        transaction.finish().await?;
        let complete = ids.iter().all(Option::is_some);
        Ok(Writers { ids: ids.into_iter().flatten().collect(), complete })
    }
}

impl ReadTransaction {
    async fn journal(&self, job: JobId) -> Result<Vec<StepTotal>, StoreError> {
        let rows = self.client()?.query_typed(TOTALS, &[(&job.0, Type::UUID)]).await;
        let failed = |error| self.failed(error);
        let total = |row: &tokio_postgres::Row| {
            Ok(StepTotal { step: StepNo(row.try_get(0)?), batches: row.try_get(1)?, rows: row.try_get(2)? })
        };
        rows.map_err(failed)?.iter().map(total).collect::<Result<_, _>>().map_err(failed)
    }
}

impl ReadTransaction {
    /// Whether the job has erased rows of this store by now.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn has_erased(&self, job: JobId) -> Result<bool, StoreError> {
        has_erased(self.session()?, job).await
    }
}

impl EraseTransaction {
    /// As [`ReadTransaction::has_erased`], in the transaction that is about to erase.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn has_erased(&self, job: JobId) -> Result<bool, StoreError> {
        has_erased(self.session(), job).await
    }
}

async fn has_erased(session: &Session, job: JobId) -> Result<bool, StoreError> {
    let found = session.client()?.query_typed_one(BEGUN, &[(&job.0, Type::UUID)]).await;
    found.and_then(|row| row.try_get(0)).map_err(|error| session.failed(error))
}
