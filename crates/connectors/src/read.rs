//! Reading: one READ ONLY transaction, and rows streamed out of it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use deadpool_postgres::{ClientWrapper, Object};
use domain::schema::TableName;
use futures::Stream;
use tokio_postgres::CopyOutStream;

use crate::connection::Transport;
use crate::error::{StoreError, StoreErrorKind};
use crate::export::CollectionRead;
use crate::pool::Limits;
use crate::replica::Replay;
use crate::session::Session;
use crate::sql::OrganisationRead;

/// How it begins.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What is set before rows are handed on: reading them is one process, and is not compiled. To pass whole
/// rows from parallel workers to their leader costs the company's database more than to read them, and
/// an export reads several collections side by side anyway (ADR 30). Questions with short answers, as
/// verification asks them, are planned as the server likes.
const ONE_PROCESS: &str = "SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off";

/// A transaction over one snapshot (REPEATABLE READ, READ ONLY), taken when it begins.
///
/// End it with [`finish`](Self::finish), which hands its connection back. Dropping it instead, in
/// the middle of a COPY or of anything, tells the server to stop and closes the connection.
pub struct ReadTransaction {
    session: Session,
    /// Whether a COPY was begun and not read to its end.
    copying: bool,
    /// Whether [`ONE_PROCESS`] was set.
    one_process: bool,
}

impl ReadTransaction {
    pub(crate) async fn begin(
        client: Object,
        store: &str,
        transport: Transport,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let session = Session::begin(client, store, transport, limits, BEGIN).await?;
        Ok(Self { session, copying: false, one_process: false })
    }

    /// The store's clock, as an instant rather than as the transaction's beginning. On a replica it
    /// is the time up to which everything was replayed, where that is earlier: a cutoff taken from
    /// it leaves no row out.
    ///
    /// # Errors
    /// When the store fails; [`StoreErrorKind::Behind`] when a replica cannot say how far it is.
    pub async fn clock(&self) -> Result<DateTime<Utc>, StoreError> {
        let replay = Replay::of(self.client()?, self.store_name()).await?;
        replay.until().ok_or_else(|| Replay::behind(self.store_name()))
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
            .map_err(|error| self.failed(error).of_organisation().reading(std::slice::from_ref(&read.table)))
    }

    /// How many rows the read would give, counted exactly.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn count(&self, read: &CollectionRead) -> Result<i64, StoreError> {
        let row = self.client()?.query_typed_one(&read.count_sql, &[]).await;
        row.and_then(|row| row.try_get(0)).map_err(|error| self.failed(error).reading(read.tables()))
    }

    /// How many rows the read leaves out because they were made after the cutoff.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn count_later(&self, read: &CollectionRead) -> Result<i64, StoreError> {
        let Some(sql) = &read.later_sql else { return Ok(0) };
        let row = self.client()?.query_typed_one(sql, &[]).await;
        row.and_then(|row| row.try_get(0)).map_err(|error| self.failed(error).reading(read.tables()))
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
        if !self.one_process {
            self.execute(ONE_PROCESS).await?;
            self.one_process = true;
        }
        let Self { session, copying, .. } = self;
        if *copying {
            return Err(StoreError::new(session.store_name(), StoreErrorKind::Abandoned));
        }
        let client = session.client()?;
        *copying = true;
        match client.copy_out(sql).await {
            Ok(rows) => {
                let tables = tables.to_vec();
                Ok(CopyRows { rows: Box::pin(rows), tables, store: session.store_name(), copying })
            }
            Err(error) => Err(session.failed(error).reading(tables)),
        }
    }

    /// Ends the transaction and hands the connection back for others.
    ///
    /// # Errors
    /// When the store fails; what was read before stays valid.
    pub async fn finish(self) -> Result<(), StoreError> {
        self.client()?;
        self.session.commit().await
    }

    pub(crate) async fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.client()?;
        self.session.execute(sql).await
    }

    pub(crate) fn session(&self) -> Result<&Session, StoreError> {
        self.client()?;
        Ok(&self.session)
    }

    pub(crate) fn client(&self) -> Result<&ClientWrapper, StoreError> {
        if self.copying {
            return Err(StoreError::new(self.store_name(), StoreErrorKind::Abandoned));
        }
        self.session.client()
    }

    pub(crate) fn store_name(&self) -> &str {
        self.session.store_name()
    }

    pub(crate) fn failed(&self, error: tokio_postgres::Error) -> StoreError {
        self.session.failed(error)
    }
}

impl fmt::Debug for ReadTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadTransaction").field("store", &self.store_name()).finish_non_exhaustive()
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
