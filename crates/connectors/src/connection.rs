//! Opening connections, in the clear or over TLS, and driving them.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use deadpool_postgres::Connect;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{CancelToken, Client, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{StoreError, StoreErrorKind};

/// How bytes travel to the server.
#[derive(Clone)]
pub(crate) enum Transport {
    /// As they are.
    Plain,
    /// Over TLS, with the certificates that this machine trusts.
    Tls(MakeRustlsConnect),
}

impl Transport {
    /// The transport that the driver's settings ask for.
    pub(crate) fn of(driver: &Config, store: &str) -> Result<Self, StoreError> {
        if driver.get_ssl_mode() == SslMode::Disable {
            return Ok(Self::Plain);
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_platform_verifier())
            .map_err(|error| {
                let text = "TLS cannot be set up: the certificates that this machine trusts cannot be read";
                StoreError::new(store, StoreErrorKind::Configuration(text)).because(error)
            })?
            .with_no_client_auth();
        Ok(Self::Tls(MakeRustlsConnect::new(tls)))
    }

    /// Asks the server to stop what the connection is doing.
    pub(crate) async fn cancel(&self, token: &CancelToken) -> Result<(), tokio_postgres::Error> {
        match self {
            Self::Plain => token.cancel_query(NoTls).await,
            Self::Tls(tls) => token.cancel_query(tls.clone()).await,
        }
    }
}

/// Opens the pool's connections.
pub(crate) struct Connector {
    pub(crate) store: String,
    pub(crate) transport: Transport,
}

type Opened = Result<(Client, JoinHandle<()>), tokio_postgres::Error>;

impl Connect for Connector {
    fn connect(&self, config: &Config) -> Pin<Box<dyn Future<Output = Opened> + Send + '_>> {
        let (config, store) = (config.clone(), self.store.clone());
        Box::pin(async move {
            match &self.transport {
                Transport::Plain => {
                    let (client, connection) = config.connect(NoTls).await?;
                    Ok((client, tokio::spawn(drive(connection, store))))
                }
                Transport::Tls(tls) => {
                    let (client, connection) = config.connect(tls.clone()).await?;
                    Ok((client, tokio::spawn(drive(connection, store))))
                }
            }
        })
    }
}

/// Moves bytes until the connection ends.
///
/// Notices are dropped unread: a function behind a view may put values of rows into them, and the
/// driver would log them.
async fn drive<S, T>(mut connection: Connection<S, T>, store: String)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                let error = StoreError::driver(&store, error);
                tracing::warn!(store, error = %error, "connection to a subject store was lost");
                return;
            }
            None => return,
        }
    }
}
