//! From HTTP responses to values.

use std::time::Duration;

use contracts::http::{JobView, Problem};
use reqwest::Response;
use reqwest::header::{ETAG, HeaderMap, HeaderName, RETRY_AFTER};
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// A job, and when to ask for it again.
#[derive(Debug)]
pub struct JobAnswer {
    /// The job; `None` when it is as it was.
    pub job: Option<JobView>,
    /// What to send along next time, to hear of changes only.
    pub etag: Option<String>,
    /// How long the API asks us to wait.
    pub retry_after: Option<Duration>,
}

/// The response, if it is no refusal.
pub(super) async fn accepted(origin: &str, response: Response) -> Result<Response, ApiError> {
    let status = response.status();
    if status.is_success() || status.is_redirection() {
        return Ok(response);
    }
    let retry_after = retry_after(response.headers());
    // A refusal whose body is lost on the way is still a refusal.
    let body = response.bytes().await.unwrap_or_default();
    let problem = serde_json::from_slice::<Problem>(&body).ok().map(Box::new);
    Err(ApiError::Refused { origin: origin.to_owned(), status: status.as_u16(), problem, retry_after })
}

/// The body as a value.
pub(super) async fn body<T: DeserializeOwned>(
    origin: &str,
    response: Response,
    expected: &'static str,
) -> Result<T, ApiError> {
    let body = response.bytes().await.map_err(|source| ApiError::Unreachable {
        origin: origin.to_owned(),
        source: source.without_url(),
    })?;
    serde_json::from_slice(&body).map_err(|source| ApiError::Unreadable {
        origin: origin.to_owned(),
        expected,
        source: Some(source),
    })
}

/// A job or the news that nothing changed.
pub(super) async fn job(origin: &str, response: Response) -> Result<JobAnswer, ApiError> {
    let etag = header(response.headers(), ETAG);
    let retry_after = retry_after(response.headers());
    let job = match response.status().as_u16() {
        304 => None,
        _ => Some(body(origin, response, "a job").await?),
    };
    Ok(JobAnswer { job, etag, retry_after })
}

/// A header's text, if it is there and is text.
pub(super) fn header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3); the other form, a date, is not used by our API.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    header(headers, RETRY_AFTER)?.parse().ok().map(Duration::from_secs)
}
