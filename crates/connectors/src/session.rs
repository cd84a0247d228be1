//! One transaction on one connection: how it begins, ends, and is given up.

use std::fmt;
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object};

use crate::beat::beat;
use crate::connection::Transport;
use crate::error::{StoreError, StoreErrorKind};
use crate::pool::Limits;

/// The settings of every transaction, whatever the role's or the database's own are.
///
/// Text comes out in one form: times in UTC, ISO dates, numbers with the shortest digits that read
/// back exactly. `row_security = off` makes the server refuse what a policy would silently cut.
const SETTINGS: &str = "\
    SET LOCAL TimeZone = 'UTC';
    SET LOCAL DateStyle = 'ISO, YMD';
    SET LOCAL IntervalStyle = 'postgres';
    SET LOCAL extra_float_digits = 1;
    SET LOCAL bytea_output = 'hex';
    SET LOCAL row_security = off;
    SET LOCAL search_path = pg_catalog;";

/// Names resolve in `pg_catalog`, so that nobody who may create objects elsewhere in the database
/// can put an operator or function of his own under ours. `citext` is the exception: how its
/// values compare is the extension's own operator, found only through the extension's schema.
const SEARCH_PATH: &str = "\
    SELECT pg_catalog.set_config('search_path', 'pg_catalog, ' || pg_catalog.quote_ident(n.nspname), true)
    FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'citext';";

/// A connection with a transaction open on it.
///
/// End it with [`commit`](Self::commit) or [`rollback`](Self::rollback), which hand the connection
/// back. Dropping it instead tells the server to stop and closes the connection, which rolls back:
/// what was still on its way would keep the next user waiting.
pub(crate) struct Session {
    /// `None` only after the end, which takes it.
    client: Option<Object>,
    store: String,
    transport: Transport,
}

impl Session {
    /// Begins with `begin`, under the settings of every transaction.
    pub(crate) async fn begin(
        client: Object,
        store: &str,
        transport: Transport,
        limits: Limits,
        begin: &str,
    ) -> Result<Self, StoreError> {
        // Made before BEGIN is sent: whoever drops this future drops the transaction with it.
        let session = Self { client: Some(client), store: store.to_owned(), transport };
        let (statement, lock) = (milliseconds(limits.statement), milliseconds(limits.lock));
        let limits = format!("SET LOCAL statement_timeout = {statement};SET LOCAL lock_timeout = {lock};");
        session.execute(&format!("{begin};{SETTINGS}{limits}{SEARCH_PATH}")).await?;
        Ok(session)
    }

    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        self.execute("COMMIT").await?;
        drop(self.client.take());
        Ok(())
    }

    pub(crate) async fn rollback(mut self) -> Result<(), StoreError> {
        self.execute("ROLLBACK").await?;
        drop(self.client.take());
        Ok(())
    }

    pub(crate) async fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.client()?.batch_execute(sql).await.map_err(|error| self.failed(error))
    }

    /// The connection, for one statement.
    pub(crate) fn client(&self) -> Result<&ClientWrapper, StoreError> {
        beat();
        let abandoned = || StoreError::new(&self.store, StoreErrorKind::Abandoned);
        self.client.as_deref().ok_or_else(abandoned)
    }

    pub(crate) fn store_name(&self) -> &str {
        &self.store
    }

    pub(crate) fn failed(&self, error: tokio_postgres::Error) -> StoreError {
        StoreError::driver(&self.store, error)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(client) = self.client.take().map(Object::take) else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (transport, store) = (self.transport.clone(), std::mem::take(&mut self.store));
        runtime.spawn(async move {
            // The connection stays open until the server has been told, so that its number cannot
            // yet belong to somebody else's connection.
            if let Err(error) = transport.cancel(&client.cancel_token()).await {
                let error = StoreError::driver(&store, error);
                tracing::debug!(store, error = %error, "could not cancel an abandoned transaction");
            }
            drop(client);
        });
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("store", &self.store).finish_non_exhaustive()
    }
}

/// Whole milliseconds, as the settings take them; at least one unless there is no limit at all.
fn milliseconds(duration: Duration) -> i32 {
    if duration.is_zero() { 0 } else { i32::try_from(duration.as_millis().max(1)).unwrap_or(i32::MAX) }
}
