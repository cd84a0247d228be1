//! Opens connections, and gives up on them in time.
//!
//! The client library runs each connection on a thread of its own, which goes on waiting for a
//! silent peer after its caller has lost patience. The socket is therefore kept at hand while
//! connecting, and shut down when the deadline passes: then the thread ends too.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::tcp::{AsyncTcpStream, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};

use crate::{AmqpConfig, MessagingError};

/// Connects within the configured time. Automatic recovery is off: after a failure the owner
/// drops the connection and builds everything anew, since recovered channels can hang.
pub(crate) async fn connect(config: &AmqpConfig) -> Result<Connection, MessagingError> {
    let uri = config.uri()?;
    let properties =
        ConnectionProperties::default().with_connection_name(config.connection_name.as_str().into());
    let runtime = lapin::runtime::default_runtime().map_err(MessagingError::Connect)?;
    let socket = Arc::new(Socket::default());
    let limit = config.connect_timeout;
    let opened = Arc::clone(&socket);
    let connecting = Connection::connector(
        uri,
        runtime,
        async move |uri: AMQPUri, runtime| {
            let stream = async {
                let address = (uri.authority.host.as_str(), uri.authority.port);
                let addresses: Vec<_> = tokio::net::lookup_host(address).await?.collect();
                let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    opened.keep(plain.get_ref())?;
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
    );
    match tokio::time::timeout(limit, connecting).await {
        Ok(connected) => {
            socket.release();
            connected.map_err(MessagingError::Connect)
        }
        Err(_elapsed) => {
            socket.abandon();
            Err(MessagingError::Timeout {
                operation: "connect",
                after: limit,
            })
        }
    }
}

/// Closes a connection, waiting no longer than `limit`; one that does not close is dropped.
pub(crate) async fn close(connection: &Connection, limit: Duration) {
    let closing = connection.close(200, "OK".into());
    // Whether it failed or took too long, there is nothing left to do for a connection at its end.
    drop(tokio::time::timeout(limit, closing).await);
}

/// The socket of a connection in the making.
#[derive(Default)]
struct Socket(Mutex<Progress>);

#[derive(Default)]
enum Progress {
    #[default]
    Connecting,
    Open(TcpStream),
    Abandoned,
}

impl Socket {
    /// Remembers the socket; an error if nobody waits for it any more.
    fn keep(&self, socket: &impl AsFd) -> io::Result<()> {
        let twin = TcpStream::from(socket.as_fd().try_clone_to_owned()?);
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*progress, Progress::Abandoned) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        *progress = Progress::Open(twin);
        Ok(())
    }

    /// Leaves the socket to the connection.
    fn release(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Progress::Connecting;
    }

    /// Ends the connection in the making, now or as soon as there is a socket.
    fn abandon(&self) {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Progress::Open(socket) = &*progress {
            // An error means that the peer was faster.
            drop(socket.shutdown(Shutdown::Both));
        }
        *progress = Progress::Abandoned;
    }
}
