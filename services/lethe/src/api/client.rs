//! The requests.

use std::time::Duration;

use contracts::http::{AuditPage, ExportBody, JobPage, JobView};
use reqwest::header::{ACCEPT, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use super::access::ApiAccess;
use super::answer::{self, JobAnswer};
use super::error::ApiError;
use super::events::EventStream;
use crate::failure::Failure;

/// How long a connection may take to come about.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one stream of events may go on; the API ends it long before.
const LONGEST_STREAM: Duration = Duration::from_secs(24 * 60 * 60);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How often a request to create a job is sent when its answer is lost. The key makes that safe.
const CREATE_TRIES: u32 = 3;
/// What we call ourselves.
pub const USER_AGENT: &str = concat!("lethe/", env!("CARGO_PKG_VERSION"));

/// The API, in the name of one token.
#[derive(Debug)]
pub struct Api {
    base: Url,
    origin: String,
    token: SecretString,
    http: Client,
}

/// An export to ask for.
#[derive(Debug, Clone)]
pub struct NewExport {
    /// What is wanted.
    pub body: ExportBody,
    /// The key that makes repetitions one request.
    pub idempotency_key: String,
}

impl Api {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// When the address or the token cannot be used.
    pub fn open(access: &ApiAccess) -> Result<Self, Failure> {
        let base = access.base()?;
        let http = Client::builder()
            // A redirect leads to a signed link, which must not see the token.
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| Failure::new("the HTTP client cannot be made").because(error))?;
        let origin = base.origin().ascii_serialization();
        Ok(Self { base, origin, token: access.bearer()?, http })
    }

    /// Asks for an export; the id of its job.
    pub async fn create_export(&self, new: &NewExport) -> Result<Uuid, ApiError> {
        let mut tries = 1;
        loop {
            match self.try_create(new).await {
                Err(error) if tries < CREATE_TRIES && error.is_passing() && !error.is_unheard() => tries += 1,
                created => return created,
            }
        }
    }

    async fn try_create(&self, new: &NewExport) -> Result<Uuid, ApiError> {
        let request = self
            .request(Method::POST, self.url(&["export"]))
            // A string of RFC 8941; the key has no character that would need escaping.
            .header("Idempotency-Key", format!("\"{}\"", new.idempotency_key))
            .json(&new.body);
        self.created(self.send(request).await?).await
    }

    /// A job as it is now, or what changed since `etag`.
    pub async fn job(&self, id: Uuid, etag: Option<&str>) -> Result<JobAnswer, ApiError> {
        let mut request = self.request(Method::GET, self.url(&["jobs", &id.to_string()]));
        if let Some(value) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            request = request.header(IF_NONE_MATCH, value);
        }
        answer::job(&self.origin, self.send(request).await?).await
    }

    /// A job as it is now.
    pub async fn job_now(&self, id: Uuid) -> Result<JobView, ApiError> {
        let answer = self.job(id, None).await?;
        answer.job.ok_or_else(|| self.unreadable("a job"))
    }

    /// The events of a job behind `last_id`; `None` when what answers is no stream.
    pub async fn events(&self, id: Uuid, last_id: Option<&str>) -> Result<Option<EventStream>, ApiError> {
        let mut request = self
            .request(Method::GET, self.url(&["jobs", &id.to_string(), "events"]))
            .header(ACCEPT, "text/event-stream")
            // For the whole of the stream, which goes on for as long as it likes.
            .timeout(LONGEST_STREAM);
        if let Some(value) = last_id.and_then(|id| HeaderValue::from_str(id).ok()) {
            request = request.header(LAST_EVENT_ID, value);
        }
        let response = self.send(request).await?;
        Ok(EventStream::of(&self.origin, response))
    }

    /// A page of jobs.
    pub async fn jobs(&self, parameters: &[(&str, String)]) -> Result<JobPage, ApiError> {
        self.page("jobs", parameters, "a page of jobs").await
    }

    /// A page of the audit log.
    pub async fn audit(&self, parameters: &[(&str, String)]) -> Result<AuditPage, ApiError> {
        self.page("audit", parameters, "a page of the audit log").await
    }

    /// Does something to a job: `cancel` or `retry`.
    pub async fn control(&self, id: Uuid, action: &str) -> Result<(), ApiError> {
        let url = self.url(&["jobs", &id.to_string(), action]);
        self.send(self.request(Method::POST, url)).await.map(drop)
    }

    /// A signed link to a volume of a job's package.
    pub async fn package_link(&self, id: Uuid, volume: i32) -> Result<Url, ApiError> {
        let mut url = self.url(&["jobs", &id.to_string(), "download"]);
        if volume > 1 {
            url.query_pairs_mut().append_pair("volume", &volume.to_string());
        }
        let response = self.send(self.request(Method::GET, url.clone())).await?;
        let location = answer::header(response.headers(), LOCATION);
        let link = location.and_then(|location| url.join(&location).ok());
        link.ok_or_else(|| self.unreadable("a redirect to a signed link"))
    }

    async fn page<T: serde::de::DeserializeOwned>(
        &self,
        list: &str,
        parameters: &[(&str, String)],
        expected: &'static str,
    ) -> Result<T, ApiError> {
        let mut url = self.url(&[list]);
        url.query_pairs_mut().extend_pairs(parameters);
        let response = self.send(self.request(Method::GET, url)).await?;
        answer::body(&self.origin, response, expected).await
    }

    /// The id of a job that was created: the last part of its address, else what the body says.
    async fn created(&self, response: Response) -> Result<Uuid, ApiError> {
        #[derive(Deserialize)]
        struct Created {
            id: Uuid,
        }
        let location = answer::header(response.headers(), LOCATION);
        let named =
            location.as_deref().and_then(|path| path.rsplit('/').next()).and_then(|id| id.parse().ok());
        match named {
            Some(id) => Ok(id),
            None => {
                answer::body::<Created>(&self.origin, response, "a new job").await.map(|created| created.id)
            }
        }
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Only an address without a host has no path, and those are refused at the start.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1", "privacy"]).extend(path);
        }
        url
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url).bearer_auth(self.token.expose_secret())
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let response = request.send().await.map_err(|source| ApiError::Unreachable {
            origin: self.origin.clone(),
            source: source.without_url(),
        })?;
        answer::accepted(&self.origin, response).await
    }

    fn unreadable(&self, expected: &'static str) -> ApiError {
        ApiError::Unreadable { origin: self.origin.clone(), expected, source: None }
    }
}
