//! An OAuth provider's revocation endpoint (RFC 7009) on a free port of this machine.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How a provider answers that accepts no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// 503.
    Down,
    /// 429, with `Retry-After` in seconds.
    Busy(u32),
    /// Not at all.
    Silent,
}

/// A provider that accepts every token, or a given number of them.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The forms of all requests, and of those that were accepted.
    asked: Vec<String>,
    accepted: Vec<String>,
    /// After how many more it accepts none, and what it does then.
    then: Option<(usize, Mood)>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is answered to a request.
    fn answer(&self, body: String) -> Option<String> {
        let mut state = self.state();
        state.asked.push(body.clone());
        let answer = match &mut state.then {
            Some((0, Mood::Silent)) => return None,
            Some((0, Mood::Down)) => "503 Service Unavailable".to_owned(),
            Some((0, Mood::Busy(seconds))) => format!("429 Too Many Requests\r\nretry-after: {seconds}"),
            Some((left, _)) => {
                *left = left.saturating_sub(1);
                state.accepted.push(body);
                "200 OK".to_owned()
            }
            None => {
                state.accepted.push(body);
                "200 OK".to_owned()
            }
        };
        Some(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n"))
    }
}

impl Provider {
    /// Starts one that accepts every token.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { address, shared, task }
    }

    /// Where it revokes.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}/revoke", self.address)
    }

    /// Has it answer 503 from now on, or accept tokens again.
    pub fn set_down(&self, down: bool) {
        self.shared.state().then = down.then_some((0, Mood::Down));
    }

    /// Lets it accept `accepted` more tokens, and answer with `mood` after that.
    pub fn set_mood_after(&self, accepted: usize, mood: Mood) {
        self.shared.state().then = Some((accepted, mood));
    }

    /// The forms of all requests, accepted or not.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.shared.state().asked.clone()
    }

    /// The forms of the requests that it accepted.
    #[must_use]
    pub fn accepted(&self) -> Vec<String> {
        self.shared.state().accepted.clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers one request after the other on a connection.
async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut read = Vec::new();
    while let Some(body) = request(&mut stream, &mut read).await {
        let Some(answer) = shared.answer(body) else { return std::future::pending().await };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The body of the next request; `None` when the client is gone.
async fn request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<String> {
    loop {
        let text = String::from_utf8_lossy(read).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            let length = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length: usize = length.map(|(_, value)| value.trim()).next()?.parse().ok()?;
            if rest.len() >= length {
                let body = rest.get(..length)?.to_owned();
                *read = rest.get(length..)?.as_bytes().to_vec();
                return Some(body);
            }
        }
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        read.extend_from_slice(chunk.get(..count)?);
    }
}
