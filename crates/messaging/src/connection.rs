//! Opens connections, and gets rid of them in time.
//!
//! The client library runs each connection on a thread of its own, which goes on waiting for a
//! silent or blocked peer after everyone has dropped the connection. The socket is therefore kept
//! at hand, and shut down when a connection is given up: then the thread ends too.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::tcp::{AsyncTcpStream, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, ConnectionStatus};

use crate::deadline::within;
use crate::{AmqpConfig, MessagingError};

/// A connection that leaves nothing behind when it is dropped.
#[derive(Debug)]
pub(crate) struct Link {
    connection: Connection,
    limit: Duration,
    _socket: Socket,
}

impl Link {
    /// Connects within the configured time. Automatic recovery is off: after a failure the owner
    /// drops the link and builds everything anew, since recovered channels can hang.
    pub(crate) async fn open(config: &AmqpConfig) -> Result<Self, MessagingError> {
        let uri = config.uri()?;
        let limit = config.connect_timeout;
        let socket = Socket::default();
        let dialling = dial(uri, &config.connection_name, limit, Arc::clone(&socket.0));
        // Dropping the socket on the way out of here ends the attempt.
        let connection = match tokio::time::timeout(limit, dialling).await {
            Ok(connected) => connected.map_err(MessagingError::Connect)?,
            Err(_elapsed) => {
                return Err(MessagingError::Timeout { operation: "connect", after: limit });
            }
        };
        Ok(Self { connection, limit: config.operation_timeout, _socket: socket })
    }

    /// Opens a channel.
    pub(crate) async fn channel(&self) -> Result<Channel, MessagingError> {
        within(self.limit, "channel.open", self.connection.create_channel()).await
    }

    /// Whether the connection has not ended as far as this side knows.
    pub(crate) fn connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// What this side knows of the connection, now and later.
    pub(crate) fn status(&self) -> ConnectionStatus {
        self.connection.status().clone()
    }

    /// Closes in good order; one that does not close within the operation timeout is dropped.
    pub(crate) async fn close(self) {
        let closing = self.connection.close(200, "OK".into());
        // Whether it failed or took too long, there is nothing left to do for a connection at its end.
        drop(tokio::time::timeout(self.limit, closing).await);
    }
}

/// Opens the socket and goes through the handshakes. The first part runs on the library's thread, where
/// nobody else would stop it: hence a limit of its own.
async fn dial(
    uri: AMQPUri,
    name: &str,
    limit: Duration,
    progress: Arc<Mutex<Progress>>,
) -> lapin::Result<Connection> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let runtime = lapin::runtime::default_runtime()?;
    Connection::connector(
        uri,
        runtime,
        async move |uri: AMQPUri, runtime| {
            let stream = async {
                let address = (uri.authority.host.as_str(), uri.authority.port);
                let addresses: Vec<_> = tokio::net::lookup_host(address).await?.collect();
                let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    keep(&progress, plain.get_ref())?;
                }
                match uri.scheme {
                    AMQPScheme::AMQP => Ok(stream),
                    AMQPScheme::AMQPS => {
                        let tls = OwnedTLSConfig::default();
                        stream.into_tls(&uri.authority.host, tls.as_ref()).await
                    }
                }
            };
            let stream = tokio::time::timeout(limit, stream).await;
            Ok(stream.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()))?)
        },
        properties,
    )
    .await
}

/// The socket of a connection, shut down when dropped, even if it is opened only later.
#[derive(Debug, Default)]
struct Socket(Arc<Mutex<Progress>>);

#[derive(Debug, Default)]
enum Progress {
    #[default]
    Connecting,
    Open(TcpStream),
    Abandoned,
}

/// Remembers the socket; an error if nobody waits for it any more.
fn keep(progress: &Mutex<Progress>, socket: &impl AsFd) -> io::Result<()> {
    let twin = TcpStream::from(socket.as_fd().try_clone_to_owned()?);
    let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
    if matches!(*progress, Progress::Abandoned) {
        return Err(io::ErrorKind::TimedOut.into());
    }
    *progress = Progress::Open(twin);
    Ok(())
}

impl Drop for Socket {
    fn drop(&mut self) {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Progress::Open(socket) = &*progress {
            // An error means that it is closed already.
            drop(socket.shutdown(Shutdown::Both));
        }
        *progress = Progress::Abandoned;
    }
}
