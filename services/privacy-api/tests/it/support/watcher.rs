//! A client of an event stream.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

use super::Call;

/// Longer than anything takes here, and shorter than a heartbeat of the usual length.
const LIMIT: Duration = Duration::from_secs(12);

/// A client of an event stream that reads block by block.
pub struct Watcher {
    pub response: Response,
    buffer: String,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub name: String,
    pub id: String,
    pub data: Value,
}

impl Watcher {
    /// Opens the stream, which must be one.
    pub async fn open(call: Call) -> Self {
        let response = call.open().await;
        assert_eq!(response.status(), 200, "{:?}", response.headers());
        Self { response, buffer: String::new() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The next block, an event or a comment; `None` at the end of the stream.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                return Some(block);
            }
            let chunk = tokio::time::timeout(LIMIT, self.response.chunk()).await.expect("nothing is told");
            match chunk.unwrap() {
                Some(bytes) => self.buffer.push_str(std::str::from_utf8(&bytes).unwrap()),
                None => {
                    assert_eq!(self.buffer, "", "the stream ends in the middle of an event");
                    return None;
                }
            }
        }
    }

    /// The next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            let block = self.block().await?;
            let field =
                |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            if let Some(name) = field("event: ") {
                let data = serde_json::from_str(&field("data: ").unwrap()).unwrap();
                return Some(Told { name, id: field("id: ").unwrap(), data });
            }
        }
    }

    /// The next event of that name; `None` at the end of the stream.
    pub async fn next_named(&mut self, name: &str) -> Option<Told> {
        loop {
            let told = self.next().await?;
            if told.name == name {
                return Some(told);
            }
        }
    }

    /// Everything up to the end of the stream.
    pub async fn rest(&mut self) -> Vec<Told> {
        let mut all = Vec::new();
        while let Some(told) = self.next().await {
            all.push(told);
        }
        all
    }
}

/// The versions of the changes among these events, in the order in which they came.
pub fn versions(told: &[Told]) -> Vec<i64> {
    let changes = told.iter().filter(|told| told.name == "change");
    changes.map(|told| told.data["version"].as_i64().unwrap()).collect()
}
