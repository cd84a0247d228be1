//! Connections to the control database.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use deadpool::managed::Metrics;
use diesel::result::Error as DieselError;
use diesel_async::pooled_connection::deadpool::{Hook, HookError, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolError, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::id::OrganisationId;
use futures::FutureExt;
use rustls_platform_verifier::ConfigVerifierExt;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::conn::{Conn, set_up};
use crate::error::StoreError;
use crate::functions;

/// Where the control database is and how many connections may be held to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// `postgres://user:password@host:port/database?sslmode=…`. `sslmode` is `disable`, `prefer`, `require`,
    /// `verify-ca` or `verify-full`; without it TLS is used unless the host is this machine. Wherever TLS is
    /// used, chain and host name are verified, and only `prefer` does without where the server offers none.
    pub url: SecretString,
    /// The most connections this process holds.
    #[serde(default = "default_connections")]
    pub max_connections: usize,
}

fn default_connections() -> usize {
    8
}

/// Longest wait for a free connection.
const CHECKOUT: Duration = Duration::from_secs(10);
/// A connection that was lent within so long a time is lent again without asking whether the server
/// still answers on it. One that the server has closed is never lent: its driver knows.
const FRESH: Duration = Duration::from_secs(1);
/// How soon, at first and at last, it is asked again for a connection that the server does not let the role have.
const AGAIN: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));
/// The SQLSTATE of such a refusal, with which the words of an error begin that tells of it.
const TOO_MANY_CONNECTIONS: &str = "53300";
/// One that is lent again and again is asked now and then all the same.
const ASKED_EVERY: usize = 32;

/// The control database.
#[derive(Clone)]
pub struct Store {
    pool: Pool<AsyncPgConnection>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Prepares a pool; connections are made when first needed.
    ///
    /// # Errors
    /// [`StoreError::Config`] when the URL cannot be used.
    pub fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let (url, tls) = split_tls(config.url.expose_secret())?;
        let mut manager = ManagerConfig::default();
        manager.recycling_method = RecyclingMethod::Fast;
        manager.custom_setup = match tls {
            true => Box::new(|url| establish_tls(url).boxed()),
            false => Box::new(|url| establish(url, NoTls).boxed()),
        };
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new_with_config(url, manager);
        let pool = Pool::builder(manager)
            .pre_recycle(Hook::async_fn(|conn, lent| answers(conn, is_fresh(lent)).boxed()))
            .max_size(config.max_connections)
            .wait_timeout(Some(CHECKOUT))
            .create_timeout(Some(CHECKOUT))
            .recycle_timeout(Some(CHECKOUT))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Config(error.to_string()))?;
        Ok(Self { pool })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        diesel::sql_query("SELECT 1").execute(&mut conn).await?;
        Ok(())
    }

    /// A connection of the pool. Where the role, or the database, may have fewer than the pool, the next that comes
    /// back is waited for, here or in another process.
    pub(crate) async fn conn(&self) -> Result<Conn, StoreError> {
        let waits = ExponentialBuilder::new()
            .with_min_delay(AGAIN.0)
            .with_max_delay(AGAIN.1)
            .with_total_delay(Some(CHECKOUT))
            .without_max_times()
            .with_jitter();
        let lent = (|| self.pool.get()).retry(waits).when(too_many_connections).await;
        lent.map(Conn::new).map_err(|error| StoreError::Unreachable(Box::new(error)))
    }
}

/// Tells row security whose request this transaction serves.
///
/// `set_config(…, true)` is SET LOCAL with a bound parameter: it ends with the transaction, so a
/// pooled connection never carries one organisation's setting into another's request.
pub(crate) async fn act_for(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
) -> Result<(), DieselError> {
    let set = functions::set_config("lethe.organisation", organisation.as_str(), true);
    diesel::select(set).execute(conn).await.map(drop)
}

/// The URL as tokio-postgres reads it, and whether TLS is wanted.
fn split_tls(text: &str) -> Result<(String, bool), StoreError> {
    let wrong =
        || StoreError::Config("the URL must be postgres://user:password@host:port/database".to_owned());
    let mut url = url::Url::parse(text).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(wrong());
    }
    let mode = url.query_pairs().find(|(key, _)| key == "sslmode").map(|(_, value)| value.into_owned());
    let rest: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, _)| key != "sslmode")
        .map(|(k, v)| (k.into_owned(), v.into_owned()))
        .collect();
    url.set_query(None);
    if !rest.is_empty() {
        url.query_pairs_mut().extend_pairs(rest);
    }
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]") | None);
    // The driver knows three modes, and would take its own word for `prefer` if it were told none.
    let driver = match mode.as_deref() {
        Some("disable") => None,
        None if local => None,
        Some("prefer") => Some("prefer"),
        None | Some("require" | "verify-ca" | "verify-full") => Some("require"),
        Some(_) => {
            let modes = "`sslmode` must be disable, prefer, require, verify-ca or verify-full";
            return Err(StoreError::Config(modes.to_owned()));
        }
    };
    if let Some(mode) = driver {
        url.query_pairs_mut().append_pair("sslmode", mode);
    }
    Ok((url.into(), driver.is_some()))
}

/// Whether a connection need not be asked.
fn is_fresh(lent: &Metrics) -> bool {
    lent.last_used() < FRESH && !lent.recycle_count.is_multiple_of(ASKED_EVERY)
}

/// Makes sure that the server answers and can be written to, unless it was asked just now. After a failover a
/// connection may lead to what has become a replica.
async fn answers(conn: &mut AsyncPgConnection, is_fresh: bool) -> Result<(), HookError> {
    if is_fresh {
        return Ok(());
    }
    let asked = diesel::select(functions::current_setting("transaction_read_only"));
    let read_only: String =
        asked.get_result(conn).await.map_err(|error| HookError::Backend(PoolError::QueryError(error)))?;
    match read_only.as_str() {
        "off" => Ok(()),
        _ => Err(HookError::message("the server only reads")),
    }
}

async fn establish<T>(url: &str, transport: T) -> diesel::ConnectionResult<AsyncPgConnection>
where
    T: MakeTlsConnect<Socket, Stream: Send + 'static>,
{
    let (client, connection) =
        tokio_postgres::connect(url, transport).await.map_err(|error| not_connected(&error))?;
    let mut conn = AsyncPgConnection::try_from_client_and_connection(client, connection).await?;
    set_up(&mut conn).await.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

async fn establish_tls(url: &str) -> diesel::ConnectionResult<AsyncPgConnection> {
    let tls = rustls::ClientConfig::with_platform_verifier();
    let tls = tls.map_err(|error| diesel::ConnectionError::BadConnection(with_causes(&error)))?;
    establish(url, MakeRustlsConnect::new(tls)).await
}

fn not_connected(error: &tokio_postgres::Error) -> diesel::ConnectionError {
    let told = with_causes(error);
    diesel::ConnectionError::BadConnection(match error.code() {
        Some(code) => format!("{}: {told}", code.code()),
        None => told,
    })
}

/// Whether the server lets the role, or all, have no further connection.
fn too_many_connections(error: &deadpool::managed::PoolError<PoolError>) -> bool {
    matches!(
        error,
        deadpool::managed::PoolError::Backend(PoolError::ConnectionError(
            diesel::ConnectionError::BadConnection(told)
        )) if told.starts_with(TOO_MANY_CONNECTIONS)
    )
}

/// An error with what caused it: of a failed handshake, what is wrong with the certificate.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        // Some errors end with their source's words.
        if !text.ends_with(&told) {
            text = format!("{text}: {told}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
