//! A TCP proxy that can fall silent, as a network does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to a port; each can be frozen for ever while new ones pass.
pub struct Proxy {
    port: u16,
    /// Connections up to this number are silent.
    frozen: watch::Sender<usize>,
    accepted: Arc<AtomicUsize>,
    refusing: Arc<AtomicBool>,
    abandoned: Arc<AtomicUsize>,
}

impl Proxy {
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (frozen, silent) = watch::channel(0);
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        let refusing = Arc::new(AtomicBool::new(false));
        let refuses = Arc::clone(&refusing);
        let abandoned = Arc::new(AtomicUsize::new(0));
        let abandons = Arc::clone(&abandoned);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if refuses.load(Ordering::SeqCst) {
                    continue;
                }
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                let line = Line { number, silent: silent.clone(), abandoned: Arc::clone(&abandons) };
                tokio::spawn(line.forward(client, target));
            }
        });
        Self { port, frozen, accepted, refusing, abandoned }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Silent connections the client has closed.
    pub fn abandoned(&self) -> usize {
        self.abandoned.load(Ordering::SeqCst)
    }

    /// Hangs up on new connections; those there are go on.
    pub fn refuse(&self) {
        self.refusing.store(true, Ordering::SeqCst);
    }

    /// Silences all connections there are: nothing passes, nothing is closed.
    pub fn freeze(&self) {
        self.frozen.send_replace(self.accepted());
    }
}

/// One connection.
#[derive(Clone)]
struct Line {
    number: usize,
    silent: watch::Receiver<usize>,
    abandoned: Arc<AtomicUsize>,
}

impl Line {
    async fn forward(self, client: TcpStream, target: u16) {
        let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else {
            return;
        };
        let (client_in, client_out) = client.into_split();
        let (server_in, server_out) = server.into_split();
        let to_server = async {
            let silent = self.clone().copy(client_in, server_out).await;
            if silent.is_some() {
                self.abandoned.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<()>().await;
            }
        };
        let to_client = async {
            let silent = self.clone().copy(server_in, client_out).await;
            if silent.is_some() {
                std::future::pending::<()>().await;
            }
        };
        tokio::join!(to_server, to_client);
    }

    /// Copies until the sender closes, or once silent swallows until then, keeping the other side open.
    async fn copy<W: AsyncWrite + Unpin>(mut self, mut from: impl AsyncRead + Unpin, mut to: W) -> Option<W> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = tokio::select! {
                read = from.read(&mut buffer) => Some(read),
                _ = self.silent.wait_for(|frozen| *frozen >= self.number) => None,
            };
            let Some(read) = read else {
                while matches!(from.read(&mut buffer).await, Ok(1..)) {}
                return Some(to);
            };
            match read {
                Ok(0) | Err(_) => return None,
                Ok(size) => {
                    if to.write_all(&buffer[..size]).await.is_err() {
                        return None;
                    }
                }
            }
        }
    }
}
