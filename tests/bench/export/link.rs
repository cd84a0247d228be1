//! A network of limited speed between the workers and the database.
//!
//! Each connection delivers so many bytes a second and no more, as one to a database elsewhere does.
//! What workers wait for is then neither the database nor the processor, which is where more of them
//! are meant to help.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Delivered at once, and then paid for.
const CHUNK_BYTES: usize = 32 * 1024;
/// So much of what a connection did not use it may catch up on.
const SLACK: Duration = Duration::from_millis(20);

/// Open until it is dropped.
pub struct Link {
    /// Where its near end listens.
    pub port: u16,
    task: JoinHandle<()>,
}

impl Link {
    /// Leads to the server at `port` of this machine.
    pub async fn open(port: u16, bytes_per_second: u32) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let near = listener.local_addr()?.port();
        let far = SocketAddr::from(([127, 0, 0, 1], port));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, far, bytes_per_second));
            }
        });
        Ok(Self { port: near, task })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries one connection until either side ends it, which the other side then sees.
async fn carry(client: TcpStream, far: SocketAddr, bytes_per_second: u32) -> Result<()> {
    let server = TcpStream::connect(far).await?;
    for socket in [&client, &server] {
        socket.set_nodelay(true)?;
    }
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let upwards = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut free_at = Instant::now();
    loop {
        let read = from_server.read(&mut buffer).await?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        to_client.write_all(chunk).await?;
        let cost = Duration::from_secs_f64(f64::from(u32::try_from(read)?) / f64::from(bytes_per_second));
        free_at = free_at.max(Instant::now() - SLACK) + cost;
        tokio::time::sleep_until(free_at).await;
    }
    upwards.abort();
    Ok(())
}
