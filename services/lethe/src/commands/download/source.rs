//! Where a package's bytes come from.

use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use url::Url;
use uuid::Uuid;

use crate::api::{self, Api, ApiError};
use crate::failure::Failure;

/// How long the stream may pause.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// How often a signed link may lead on; stores redirect between regions.
const MOST_REDIRECTS: usize = 5;

/// The API that hands out signed links, and a client for those links that knows no token.
pub(super) struct Source<'a> {
    api: &'a Api,
    job: Uuid,
    volume: i32,
    link: Option<Url>,
    http: Client,
}

/// What a request for the rest of a package brought.
pub(super) enum Rest {
    /// The bytes from where we are.
    Continued(Response),
    /// The bytes from the beginning.
    Anew(Response),
    /// The link does not open it any more.
    LinkEnded,
}

/// Why the rest cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    /// The API hands out no link.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The package's host does not answer.
    #[error("no answer from {0}")]
    Unreachable(String, #[source] reqwest::Error),
    /// The package's host refuses.
    #[error("{0} answers {1}")]
    Refused(String, u16),
    /// The package's host sent less than there is.
    #[error("the answer of {0} ended too early")]
    Short(String),
}

impl SourceError {
    /// Whether it may be had in a moment.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Api(error) => error.is_passing(),
            Self::Unreachable(..) | Self::Short(_) => true,
            Self::Refused(_, status) => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
        }
    }

    /// How long the other side asks us to wait.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api(error) => error.retry_after(),
            Self::Unreachable(..) | Self::Refused(..) | Self::Short(_) => None,
        }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Api(error) => error.into(),
            other => Self::new(other.to_string())
                .because(other)
                .next("what has arrived is kept; the same command goes on from there"),
        }
    }
}

impl<'a> Source<'a> {
    pub(super) fn new(api: &'a Api, (job, volume): (Uuid, i32)) -> Result<Self, Failure> {
        let http = Client::builder()
            .redirect(Policy::limited(MOST_REDIRECTS))
            // A signed link in a Referer would be a key under the mat.
            .referer(false)
            .connect_timeout(api::CONNECT_TIMEOUT)
            .read_timeout(SILENCE_LIMIT)
            .user_agent(api::USER_AGENT)
            .build()
            .map_err(|error| Failure::new("the HTTP client cannot be made").because(error))?;
        Ok(Self { api, job, volume, link: None, http })
    }

    /// The bytes from `from` on, or all of them where the host knows no ranges.
    pub(super) async fn rest(&mut self, from: u64) -> Result<Rest, SourceError> {
        let link = match &self.link {
            Some(link) => link.clone(),
            None => self.link.insert(self.api.package_link(self.job, self.volume).await?).clone(),
        };
        let origin = link.origin().ascii_serialization();
        let mut request = self.http.get(link).header(ACCEPT_ENCODING, "identity");
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let response = request
            .send()
            .await
            .map_err(|error| SourceError::Unreachable(origin.clone(), error.without_url()))?;
        match response.status() {
            StatusCode::OK => Ok(Rest::Anew(response)),
            StatusCode::PARTIAL_CONTENT if begins_at(&response, from) => Ok(Rest::Continued(response)),
            // Links end after a while; the API hands out a new one, or says why not.
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
                self.link = None;
                Ok(Rest::LinkEnded)
            }
            status => Err(SourceError::Refused(origin, status.as_u16())),
        }
    }

    /// Why there is no going on when even a new link opens nothing.
    pub(super) fn refused(&self) -> Failure {
        Failure::new("the signed link was refused, and so was a new one")
            .next(format!("see whether the package is still there: lethe jobs show {}", self.job))
    }
}

/// Whether the answer begins where it was asked to (RFC 9110, 14.4).
fn begins_at(response: &Response, from: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range
        .and_then(|range| range.strip_prefix("bytes "))
        .is_some_and(|range| range.starts_with(&format!("{from}-")))
}
