//! The journal: which batches are done, in the database whose rows they changed.
//!
//! Its entry commits with the batch or not at all. The role may add entries and read them, not
//! change them: they are evidence.

use domain::id::{JobId, StepNo};
use tokio_postgres::types::{ToSql, Type};

use crate::erase::write::EraseTransaction;
use crate::error::StoreError;
use crate::pool::SubjectStore;
use crate::read::ReadTransaction;
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
    PRIMARY KEY (job_id, step_no, batch_no)
);
REVOKE ALL ON lethe.journal FROM PUBLIC, {role};
GRANT USAGE ON SCHEMA lethe TO {role};
GRANT SELECT, INSERT ON lethe.journal TO {role};
"
    )
}

/// Held to the end of the transaction. Whoever has it knows that no other transaction is in the
/// middle of this batch, not even one whose client is gone.
const LOCK: &str = "\
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(
    pg_catalog.concat_ws('/', 'lethe.journal', $1, $2, $3), 0))";

const FIND: &str = "SELECT rows FROM lethe.journal WHERE job_id = $1 AND step_no = $2 AND batch_no = $3";

const ADD: &str = "\
INSERT INTO lethe.journal (job_id, step_no, batch_no, rows) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

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
        let (lock, found) =
            tokio::join!(client.query_typed(LOCK, &parameters), client.query_typed_opt(FIND, &parameters));
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
