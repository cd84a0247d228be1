//! Reading: one READ ONLY transaction, and rows streamed out of it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use deadpool_postgres::{ClientWrapper, Object};
use domain::schema::TableName;
use futures::Stream;
use futures::future::try_join_all;
use tokio_postgres::CopyOutStream;

use crate::connection::Transport;
use crate::error::{StoreError, StoreErrorKind};
use crate::export::CollectionRead;
use crate::pool::Limits;
use crate::replica::Replay;
use crate::sql::OrganisationRead;

/// A transaction over one snapshot (REPEATABLE READ, READ ONLY), taken when it begins.
///
/// End it with [`finish`](Self::finish), which hands its connection back. Dropping it instead, in
/// the middle of a COPY or of anything, tells the server to stop and closes the connection: what
/// was still on its way would keep the next user waiting.
pub struct ReadTransaction {
    /// `None` only after `finish`, which takes it.
    client: Option<Object>,
    store: String,
    transport: Transport,
    /// Whether a COPY was begun and not read to its end.
    copying: bool,
}

/// The settings of every transaction, whatever the role's or the database's own are.
///
/// Text comes out in one form: times in UTC, ISO dates, numbers with the shortest digits that read
/// back exactly. `row_security = off` makes the server refuse what a policy would silently cut.
const SETTINGS: &str = "\
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
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

impl ReadTransaction {
    pub(crate) async fn begin(
        client: Object,
        store: &str,
        transport: Transport,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        // Made before BEGIN is sent: whoever drops this future drops the transaction with it.
        let transaction = Self { client: Some(client), store: store.to_owned(), transport, copying: false };
        let (statement, lock) = (milliseconds(limits.statement), milliseconds(limits.lock));
        let limits = format!("SET LOCAL statement_timeout = {statement};SET LOCAL lock_timeout = {lock};");
        transaction.execute(&format!("{SETTINGS}{limits}{SEARCH_PATH}")).await?;
        Ok(transaction)
    }

    /// The store's clock, as an instant rather than as the transaction's beginning. On a replica it
    /// is the time up to which everything was replayed, where that is earlier: a cutoff taken from
    /// it leaves no row out.
    ///
    /// # Errors
    /// When the store fails; [`StoreErrorKind::Behind`] when a replica cannot say how far it is.
    pub async fn clock(&self) -> Result<DateTime<Utc>, StoreError> {
        let replay = Replay::of(self.client()?, &self.store).await?;
        replay.until().ok_or_else(|| Replay::behind(&self.store))
    }

    /// Looks the organisation up in its own table; `None` when there is none of that id.
    ///
    /// # Errors
    /// When the store fails; [`StoreErrorKind::BadOrganisation`] when the id is no value of the key's type.
    pub async fn organisation(
        &self,
        read: &OrganisationRead,
    ) -> Result<Option<FoundOrganisation>, StoreError> {
        let row = self.client()?.query_typed_opt(&read.sql, &[]).await;
        row.and_then(|row| row.map(|row| row.try_get(0).map(|name| FoundOrganisation { name })).transpose())
            .map_err(|error| self.failed(error).reading(std::slice::from_ref(&read.table)))
    }

    /// How many rows the read would give, counted exactly.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn count(&self, read: &CollectionRead) -> Result<i64, StoreError> {
        let row = self.client()?.query_typed_one(&read.count_sql, &[]).await;
        row.and_then(|row| row.try_get(0)).map_err(|error| self.failed(error).reading(read.tables()))
    }

    /// The counts of many reads, in their order. They are sent at once, so that they cost one
    /// round trip and the server is never idle between them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn counts(&self, reads: &[CollectionRead]) -> Result<Vec<i64>, StoreError> {
        try_join_all(reads.iter().map(|read| self.count(read))).await
    }

    /// Streams the rows of a collection: COPY's text format, one row an item, its line end included.
    ///
    /// Nothing is read ahead beyond the socket's buffers: a slow reader slows the server down.
    ///
    /// # Errors
    /// When the store fails, here or in the stream.
    pub async fn copy(&mut self, read: &CollectionRead) -> Result<CopyRows<'_>, StoreError> {
        self.copy_out(&read.copy_sql, read.tables()).await
    }

    /// Streams what a COPY statement delivers.
    pub(crate) async fn copy_out(
        &mut self,
        sql: &str,
        tables: &[TableName],
    ) -> Result<CopyRows<'_>, StoreError> {
        let idle = self.client.as_ref().filter(|_| !self.copying);
        let client = idle.ok_or_else(|| StoreError::new(&self.store, StoreErrorKind::Abandoned))?;
        self.copying = true;
        match client.copy_out(sql).await {
            Ok(rows) => {
                let tables = tables.to_vec();
                Ok(CopyRows { rows: Box::pin(rows), tables, store: &self.store, copying: &mut self.copying })
            }
            Err(error) => Err(self.failed(error).reading(tables)),
        }
    }

    /// Ends the transaction and hands the connection back for others.
    ///
    /// # Errors
    /// When the store fails; what was read before stays valid.
    pub async fn finish(mut self) -> Result<(), StoreError> {
        self.execute("COMMIT").await?;
        drop(self.client.take());
        Ok(())
    }

    pub(crate) async fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.client()?.batch_execute(sql).await.map_err(|error| self.failed(error))
    }

    pub(crate) fn client(&self) -> Result<&ClientWrapper, StoreError> {
        match &self.client {
            Some(client) if !self.copying => Ok(client),
            _ => Err(StoreError::new(&self.store, StoreErrorKind::Abandoned)),
        }
    }

    pub(crate) fn store_name(&self) -> &str {
        &self.store
    }

    pub(crate) fn failed(&self, error: tokio_postgres::Error) -> StoreError {
        StoreError::driver(&self.store, error)
    }
}

impl Drop for ReadTransaction {
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

impl fmt::Debug for ReadTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadTransaction").field("store", &self.store).finish_non_exhaustive()
    }
}

/// An organisation that its own table knows.
#[derive(Clone, PartialEq, Eq)]
pub struct FoundOrganisation {
    /// Its name, when the data map says where it stands. It may be the name of a person.
    pub name: Option<String>,
}

impl fmt::Debug for FoundOrganisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoundOrganisation").finish_non_exhaustive()
    }
}

/// The rows of a COPY. Dropped before its end, it leaves the transaction unusable.
pub struct CopyRows<'a> {
    rows: Pin<Box<CopyOutStream>>,
    tables: Vec<TableName>,
    store: &'a str,
    copying: &'a mut bool,
}

impl Stream for CopyRows<'_> {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.rows.as_mut().poll_next(context));
        if item.is_none() {
            *self.copying = false;
        }
        Poll::Ready(
            item.map(|row| row.map_err(|error| StoreError::driver(self.store, error).reading(&self.tables))),
        )
    }
}

impl fmt::Debug for CopyRows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyRows").field("tables", &self.tables).finish_non_exhaustive()
    }
}

/// Whole milliseconds, as the settings take them; at least one unless there is no limit at all.
fn milliseconds(duration: Duration) -> i32 {
    if duration.is_zero() { 0 } else { i32::try_from(duration.as_millis().max(1)).unwrap_or(i32::MAX) }
}
