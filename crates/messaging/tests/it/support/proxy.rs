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
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if refuses.load(Ordering::SeqCst) {
                    continue;
                }
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(forward(client, target, number, silent.clone()));
            }
        });
        Self {
            port,
            frozen,
            accepted,
            refusing,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
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

async fn forward(client: TcpStream, target: u16, number: usize, silent: watch::Receiver<usize>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else {
        return;
    };
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    tokio::join!(
        copy(client_in, server_out, number, silent.clone()),
        copy(server_in, client_out, number, silent),
    );
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    number: usize,
    mut silent: watch::Receiver<usize>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => Some(read),
            _ = silent.wait_for(|frozen| *frozen >= number) => None,
        };
        let Some(read) = read else {
            // Held open and silent until the proxy is gone.
            while silent.changed().await.is_ok() {}
            return;
        };
        match read {
            Ok(0) | Err(_) => return,
            Ok(size) => {
                if to.write_all(&buffer[..size]).await.is_err() {
                    return;
                }
            }
        }
    }
}
