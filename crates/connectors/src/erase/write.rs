//! Writing: one short READ WRITE transaction.

use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object};

use crate::connection::Transport;
use crate::erase::statement::EraseStatement;
use crate::error::{StoreError, StoreErrorKind};
use crate::pool::Limits;
use crate::session::Session;

/// READ COMMITTED: what a concurrent transaction has changed is met in its newest version, and no
/// statement fails because of it.
///
/// A client that vanished without a word must not hold its locks for long. And what is reported as
/// erased must be so after a crash of the server too, whatever the database's default is.
const BEGIN: &str = "\
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL idle_in_transaction_session_timeout = '60s';
    SELECT pg_catalog.set_config('synchronous_commit', 'on', true)
    WHERE pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.=) 'off'";

/// The longest wait for a lock of somebody else's. A batch waits under the lock by which legal holds bind,
/// and whoever places one waits for the batch.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// A transaction that erases.
///
/// End it with [`commit`](Self::commit). Dropped instead, it is cancelled and rolled back.
#[derive(Debug)]
pub struct EraseTransaction {
    session: Session,
}

impl EraseTransaction {
    pub(crate) async fn begin(
        client: Object,
        store: &str,
        transport: Transport,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let lock = if limits.lock.is_zero() { LONGEST_WAIT } else { limits.lock.min(LONGEST_WAIT) };
        let limits = Limits { lock, ..limits };
        let session = Session::begin(client, store, transport, limits, BEGIN).await;
        let session = session.map_err(|error| match error.sqlstate() {
            // The answers of a replica, and of a server set to read only.
            Some("0A000" | "25006") => StoreError::new(store, StoreErrorKind::Configuration(READ_ONLY)),
            _ => error,
        })?;
        Ok(Self { session })
    }

    /// Executes a statement; how many rows it deleted or changed.
    ///
    /// # Errors
    /// When the store fails. Nothing can follow in this transaction then.
    pub async fn execute(&self, statement: &EraseStatement<'_>) -> Result<u64, StoreError> {
        let rows = self.client()?.execute_typed(statement.sql(), &statement.parameters()).await;
        rows.map_err(|error| self.failed(error).reading(statement.tables()))
    }

    /// Checks the constraints that would be checked when it is made so.
    ///
    /// # Errors
    /// When one of them does not hold, or the store fails.
    pub(crate) async fn check_constraints(&self) -> Result<(), StoreError> {
        self.session.execute("SET CONSTRAINTS ALL IMMEDIATE").await
    }

    /// Makes it so.
    ///
    /// # Errors
    /// When the store fails. Unless the server answered, it is then unknown whether it is so.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.session.commit().await
    }

    /// Undoes it, and hands the connection back for others.
    ///
    /// # Errors
    /// When the store fails; it is undone all the same.
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.session.rollback().await
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn client(&self) -> Result<&ClientWrapper, StoreError> {
        self.session.client()
    }

    pub(crate) fn failed(&self, error: tokio_postgres::Error) -> StoreError {
        self.session.failed(error)
    }
}

const READ_ONLY: &str = "the server only reads; erasing needs the url of the primary";
