//! Calls and their answers.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

/// A call in the making.
pub struct Call {
    request: reqwest::RequestBuilder,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Call {
    pub fn new(client: &Client, method: &str, url: &str) -> Self {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Self { request: client.request(method, url) }
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self { request: self.request.header(name, value) }
    }

    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub fn json(self, body: &str) -> Self {
        let call = self.header("content-type", "application/json");
        Self { request: call.request.body(body.to_owned()) }
    }

    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self { request: self.request.body(body) }
    }

    /// Sends it without reading the answer's body.
    pub async fn open(self) -> reqwest::Response {
        self.request.send().await.unwrap()
    }

    pub async fn send(self) -> Answer {
        let response = self.open().await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap().to_vec();
        Answer { status, headers, bytes }
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// A problem in one line, after checking what all problems have in common: status, type, title
    /// and detail, then what is wrong in particular.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        let text =
            |name: &str| problem[name].as_str().unwrap_or_else(|| panic!("no {name}: {problem}")).to_owned();
        assert_eq!(problem["status"], self.status);
        assert_eq!(text("request_id"), self.header("x-request-id"));
        assert!(text("instance").starts_with('/') && !text("instance").contains('?'), "{problem}");
        assert!(!text("title").is_empty() && StatusCode::from_u16(self.status).is_ok());
        let name = text("type").strip_prefix("urn:lethe:problem:").unwrap().to_owned();
        let mut line = format!("{} {name}: {}", self.status, text("detail"));
        for error in problem["errors"].as_array().into_iter().flatten() {
            line.push_str(&format!(
                " [{}: {}]",
                error["pointer"].as_str().unwrap(),
                error["detail"].as_str().unwrap()
            ));
        }
        line
    }

    /// A job's id in the body.
    pub fn job(&self) -> String {
        assert!(self.status < 300, "{}", self.text());
        self.json()["id"].as_str().unwrap().to_owned()
    }
}
