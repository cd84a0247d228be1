//! Trying an erasure on the server, and undoing it: a few rows of every table that is erased in a store,
//! in the order in which they will go, in one transaction that is always rolled back.
//!
//! What no catalogue tells is found so: a CHECK, a trigger that objects at once or at the end, a rule, a
//! value that is put back, and whatever is written to a table that nobody planned for.

use domain::schema::TableName;
use tokio_postgres::Row;

use crate::erase::effects::{Effects, Unplanned};
use crate::erase::journal::{BatchId, Writers};
use crate::erase::statement::EraseStatement;
use crate::erase::verify::{Remainder, Verification};
use crate::erase::write::EraseTransaction;
use crate::error::StoreError;
use crate::sql;

/// The application must not feel it: who waits for a lock gives up before the server looks for deadlocks
/// (after a second, by default), so that none of its own transactions is chosen to break one. Shorter
/// limits of the store stay.
const LIMITS: &str = "\
    SELECT pg_catalog.set_config(s.name, l.most::pg_catalog.text, true)
    FROM (VALUES ('lock_timeout', 900), ('statement_timeout', 10000)) l (name, most)
    JOIN pg_catalog.pg_settings s USING (name)
    WHERE s.setting::pg_catalog.int4 NOT BETWEEN 1 AND l.most;";

/// The triggers of the company's own that may wait for the end, where the role may name them.
const WAITING: &str = "\
SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text, k.conname::pg_catalog.text
FROM pg_catalog.pg_trigger g
JOIN pg_catalog.pg_constraint k ON k.oid = g.tgconstraint AND k.contype = 't'
JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace
WHERE g.tgdeferrable AND NOT g.tgisinternal AND g.tgenabled IN ('O', 'A')
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
ORDER BY 1, 2, 3";

/// What is tried on the rows of one table.
pub struct Trial<'a> {
    /// The table.
    pub table: &'a TableName,
    /// What is done to its rows.
    pub statements: Vec<EraseStatement<'a>>,
    /// What is asked for afterwards.
    pub verification: Verification,
    /// Whether it is asked at once: the rows lead to their organisation through others that go later.
    pub at_once: bool,
}

/// Why an erasure would not succeed, or would do more than was planned.
#[derive(Debug)]
pub enum Objection {
    /// The store failed.
    Store(StoreError),
    /// The journal cannot be written.
    Journal(StoreError),
    /// The server does not take a statement.
    Statement {
        /// The table whose rows were to be erased.
        table: TableName,
        /// What the server says.
        error: StoreError,
    },
    /// What is checked at the end of a transaction does not hold.
    AtEnd {
        /// The trigger that objects, and its table; `None` where it is another constraint.
        trigger: Option<(TableName, String)>,
        /// What the server says.
        error: StoreError,
    },
    /// Something is left of rows that were erased.
    Left(Vec<Remainder>),
    /// Something else was done than was planned.
    Unplanned {
        /// The table whose rows were being erased; `None` when it was at the end of the transaction.
        table: Option<TableName>,
        /// What was done.
        unplanned: Vec<Unplanned>,
    },
}

impl From<StoreError> for Objection {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Objection {
    /// What the server said, where it was the server that objected.
    #[must_use]
    pub fn error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error)
            | Self::Journal(error)
            | Self::Statement { error, .. }
            | Self::AtEnd { error, .. } => Some(error),
            Self::Left(_) | Self::Unplanned { .. } => None,
        }
    }

    /// Whether it took longer than a rehearsal may.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.error().and_then(StoreError::sqlstate) == Some("57014")
    }

    /// Whether somebody who writes to the same rows at the same time can be the reason.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unplanned { .. } => true,
            Self::Left(_) => false,
            Self::Store(error)
            | Self::Journal(error)
            | Self::Statement { error, .. }
            | Self::AtEnd { error, .. } => {
                matches!(error.sqlstate(), Some("23503" | "40001" | "40P01" | "55P03"))
            }
        }
    }
}

/// Executes all of it in one transaction that has just begun, with an entry in the journal, checks what the server would check
/// at its end, looks for what is left and for what else was done, and rolls all of it back. How many rows
/// it was tried on.
///
/// # Errors
/// The first objection.
pub async fn rehearse(
    transaction: EraseTransaction,
    batch: &BatchId,
    trials: &[Trial<'_>],
) -> Result<u64, Objection> {
    let tried = run(&transaction, batch, trials).await;
    let undone = transaction.rollback().await;
    let rows = tried?;
    undone?;
    Ok(rows)
}

async fn run(
    transaction: &EraseTransaction,
    batch: &BatchId,
    trials: &[Trial<'_>],
) -> Result<u64, Objection> {
    let limited = transaction.client()?.batch_execute(LIMITS).await;
    limited.map_err(|error| transaction.failed(error))?;
    transaction.done(batch).await.map_err(Objection::Journal)?;
    transaction.enter(batch, 0).await.map_err(Objection::Journal)?;
    let (mut rows, mut counted) = (0_u64, transaction.effects().await?);
    for trial in trials {
        let mut planned = Effects::default();
        for statement in &trial.statements {
            let done = transaction.execute(statement).await;
            let done = done.map_err(|error| Objection::Statement { table: trial.table.clone(), error })?;
            planned = planned.with(statement, done);
            rows = rows.saturating_add(done);
        }
        counted = as_planned(transaction, &counted, (Some(trial.table), &planned)).await?;
        if trial.at_once {
            nothing_left(transaction, &trial.verification).await?;
        }
    }
    at_end(transaction).await?;
    for trial in trials.iter().filter(|trial| !trial.at_once) {
        nothing_left(transaction, &trial.verification).await?;
    }
    as_planned(transaction, &counted, (None, &Effects::default())).await?;
    Ok(rows)
}

/// Objects when something else was done since `counted`; what is counted now.
async fn as_planned(
    transaction: &EraseTransaction,
    counted: &Effects,
    (table, planned): (Option<&TableName>, &Effects),
) -> Result<Effects, Objection> {
    let now = transaction.effects().await?;
    let unplanned = now.since(counted).unplanned(planned);
    if unplanned.is_empty() {
        return Ok(now);
    }
    Err(Objection::Unplanned { table: table.cloned(), unplanned })
}

/// Has everything checked that waits for the end: triggers one by one, so that it is known which objects,
/// and then the constraints, which the server names itself.
async fn at_end(transaction: &EraseTransaction) -> Result<(), Objection> {
    let client = transaction.client()?;
    let failed = |error| transaction.failed(error);
    for row in client.query_typed(WAITING, &[]).await.map_err(failed)? {
        let (table, name) = waiting(&row).map_err(failed)?;
        let (schema, trigger) = (sql::identifier(&table.schema), sql::identifier(&name));
        let checked = client.batch_execute(&format!("SET CONSTRAINTS {schema}.{trigger} IMMEDIATE")).await;
        checked.map_err(|error| Objection::AtEnd { trigger: Some((table, name)), error: failed(error) })?;
    }
    let checked = transaction.check_constraints().await;
    checked.map_err(|error| Objection::AtEnd { trigger: None, error })
}

fn waiting(row: &Row) -> Result<(TableName, String), tokio_postgres::Error> {
    Ok((TableName { schema: row.try_get(0)?, table: row.try_get(1)? }, row.try_get(2)?))
}

async fn nothing_left(transaction: &EraseTransaction, verification: &Verification) -> Result<(), Objection> {
    let left = verification.look(transaction.session(), &Writers::default()).await?.remainders;
    if left.is_empty() { Ok(()) } else { Err(Objection::Left(left)) }
}
