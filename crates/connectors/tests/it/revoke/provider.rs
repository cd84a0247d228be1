//! A provider on a free port of this machine.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use connectors::revoke::{ProviderSettings, RevokeError, Revoked, Revoker, TokenKind};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The token that must not be seen anywhere but at the provider.
pub const TOKEN: &str = "ya29.a+b/c=&token_type_hint=x";

/// What it does with a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Status line with further headers, and a body.
    Reply(&'static str, &'static str),
    /// Says nothing, and keeps the connection.
    Stall,
    /// A status line and the beginning of a body, and keeps the connection.
    Half(&'static str),
    /// A status line, and a body that does not end until nobody listens.
    Endless(&'static str),
    /// Hangs up.
    HangUp,
}

#[derive(Debug)]
pub struct Provider {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone)]
pub struct Request {
    pub head: String,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl Provider {
    /// Answers one request after the other; the last answer over and over.
    pub async fn start(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let task = tokio::spawn(serve(listener, answers.to_vec(), Arc::clone(&requests)));
        Self { address, requests, task }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}/revoke?v=2", self.address)
    }

    /// A revoker for it under the name `google`, with these settings beside the endpoint.
    pub fn revoker(&self, more: Value) -> Revoker {
        let mut settings = json!({"endpoint": self.endpoint(), "allow_private": true, "auth": "none"});
        settings.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        revoker(settings)
    }

    pub async fn revoke(&self) -> Result<Revoked, RevokeError> {
        revoke(&self.revoker(json!({}))).await
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn revoker(settings: Value) -> Revoker {
    let settings: ProviderSettings = serde_json::from_value(settings).unwrap();
    Revoker::new(&[("google".to_owned(), settings)].into()).unwrap()
}

pub async fn revoke(revoker: &Revoker) -> Result<Revoked, RevokeError> {
    let revoked = revoker.revoke("google", &SecretString::from(TOKEN), TokenKind::Refresh).await;
    if let Err(error) = &revoked {
        let shown = format!("{error} {error:?} {revoker:?}");
        for secret in ["ya29", "hush", "v=2"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(error.to_string().starts_with("provider `google`: "), "{error}");
    }
    revoked
}

async fn serve(listener: TcpListener, answers: Vec<Answer>, requests: Arc<Mutex<Vec<Request>>>) {
    let mut open = Vec::new();
    let mut last = 0;
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let Some(request) = read(&mut stream).await else { continue };
        requests.lock().unwrap().push(request);
        match &answers[last.min(answers.len() - 1)] {
            Answer::Reply(head, body) => {
                let length = body.len();
                let text =
                    format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
                stream.write_all(text.as_bytes()).await.unwrap();
            }
            Answer::Endless(head) => {
                let text = format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n{{\"error\": \"");
                stream.write_all(text.as_bytes()).await.unwrap();
                while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            }
            Answer::Half(head) => {
                let text = format!("HTTP/1.1 {head}\r\ncontent-length: 99\r\n\r\n{{\"error\": ");
                stream.write_all(text.as_bytes()).await.unwrap();
                open.push(stream);
            }
            Answer::Stall => open.push(stream),
            Answer::HangUp => drop(stream),
        }
        last += 1;
    }
}

/// A request, if that is what comes.
async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 1024];
        let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8(bytes.clone()).ok()?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let request = Request { head: head.to_owned(), body: body.to_owned() };
        let length: usize = request.header("content-length").unwrap().parse().unwrap();
        if request.body.len() == length {
            return Some(request);
        }
    }
}
