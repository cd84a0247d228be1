//! A subject store: a small pool of connections to one database.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use chrono::{DateTime, Utc};
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use tokio_postgres::error::SqlState;

use crate::config::StoreConfig;
use crate::connection::{Connector, Transport};
use crate::erase::EraseTransaction;
use crate::error::{StoreError, StoreErrorKind};
use crate::read::ReadTransaction;
use crate::replica::Replay;

/// How long a caller waits for a connection to become free.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a new connection may take, over all hosts of the URL, TLS and login included.
const CREATE_TIMEOUT: Duration = Duration::from_secs(15);
/// How soon, at first and at last, it is asked again for a connection that the server does not let the role have.
const AGAIN: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// One of the company's databases, reached with a role that may read.
///
/// Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct SubjectStore {
    name: String,
    pool: Pool,
    transport: Transport,
    limits: Limits,
    /// How the primary is reached, wherever rows are read from.
    primary: Arc<StoreConfig>,
}

/// What a transaction is allowed to take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) statement: Duration,
    pub(crate) lock: Duration,
}

impl SubjectStore {
    /// A store with these settings. Connections are opened when they are first needed, so that a
    /// service starts while a store is down.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn connect(config: &StoreConfig) -> Result<Self, StoreError> {
        let driver = config.driver()?;
        let transport = Transport::of(&driver, &config.name)?;
        let connector = Connector { store: config.name.clone(), transport: transport.clone() };
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_connect(driver, connector, recycling))
            .max_size(config.max_connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT_TIMEOUT))
            .create_timeout(Some(CREATE_TIMEOUT))
            .build()
            .map_err(|error| StoreError::new(&config.name, StoreErrorKind::Other).because(error))?;
        let limits = Limits { statement: config.statement_timeout, lock: config.lock_timeout };
        let primary = StoreConfig { max_connections: 1, ..config.of_primary() };
        Ok(Self { name: config.name.clone(), pool, transport, limits, primary: Arc::new(primary) })
    }

    /// The same store on its primary, with a connection of its own that ends with it.
    ///
    /// # Errors
    /// When the primary's settings cannot be used.
    pub(crate) fn primary(&self) -> Result<Self, StoreError> {
        Self::connect(&self.primary)
    }

    pub(crate) fn transport(&self) -> Transport {
        self.transport.clone()
    }

    /// The store's name in the data map.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the store answers; for readiness probes.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let client = self.checkout().await?;
        client.simple_query("SELECT 1").await.map_err(|error| StoreError::driver(&self.name, error))?;
        Ok(())
    }

    /// Begins a transaction that sees one snapshot and can write nothing.
    ///
    /// # Errors
    /// When no connection is to be had.
    pub async fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        ReadTransaction::begin(self.checkout().await?, &self.name, self.transport.clone(), self.limits).await
    }

    /// Begins a transaction whose snapshot holds every row up to the cutoff.
    ///
    /// # Errors
    /// When no connection is to be had; [`StoreErrorKind::Behind`], which passes with time, when
    /// the server is a replica that has not replayed so far.
    pub async fn begin_read_at(&self, cutoff_at: DateTime<Utc>) -> Result<ReadTransaction, StoreError> {
        let client = self.checkout().await?;
        // Asked before the snapshot is taken: from then on a replica can only have more.
        if !Replay::of(&client, &self.name).await?.holds(cutoff_at) {
            return Err(Replay::behind(&self.name));
        }
        ReadTransaction::begin(client, &self.name, self.transport.clone(), self.limits).await
    }

    /// Begins a transaction that may write: for erasing, and for nothing else.
    ///
    /// # Errors
    /// When no connection is to be had, or the server only reads (a replica).
    pub async fn begin_erase(&self) -> Result<EraseTransaction, StoreError> {
        EraseTransaction::begin(self.checkout().await?, &self.name, self.transport.clone(), self.limits).await
    }

    /// A connection of the pool. Where the role, or the database, may have fewer than the pool, the next that comes
    /// back is waited for, here or in another process.
    pub(crate) async fn checkout(&self) -> Result<Object, StoreError> {
        let waits = ExponentialBuilder::new()
            .with_min_delay(AGAIN.0)
            .with_max_delay(AGAIN.1)
            .with_total_delay(Some(WAIT_TIMEOUT))
            .without_max_times()
            .with_jitter();
        let lent = (|| self.pool.get()).retry(waits).when(too_many_connections).await;
        lent.map_err(|error| StoreError::pool(&self.name, error))
    }
}

/// Whether the server lets the role, or all, have no further connection.
fn too_many_connections(error: &PoolError) -> bool {
    matches!(error, PoolError::Backend(error) if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS))
}

impl fmt::Debug for SubjectStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectStore").field("name", &self.name).finish_non_exhaustive()
    }
}
