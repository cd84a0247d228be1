//! How requests are sent, and jobs asked for.

use std::time::Duration;

use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use super::access::ApiAccess;
use super::answer;
use super::error::ApiError;
use crate::failure::Failure;

/// How long a connection may take to come about.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a request that comes with a key is sent when its answer is lost. The key makes that safe.
pub(super) const CREATE_TRIES: u32 = 3;
/// The header that makes repetitions one request.
pub(super) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// What we call ourselves.
pub const USER_AGENT: &str = concat!("lethe/", env!("CARGO_PKG_VERSION"));

/// The API, in the name of one token.
#[derive(Debug)]
pub struct Api {
    base: Url,
    pub(super) origin: String,
    token: SecretString,
    http: Client,
}

/// A job to ask for.
#[derive(Debug, Clone)]
pub struct NewJob<B> {
    /// Where it is asked for, below the base of the API.
    pub route: &'static [&'static str],
    /// What is wanted.
    pub body: B,
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

    /// Asks for a job; its id.
    pub async fn create(&self, new: &NewJob<impl Serialize>) -> Result<Uuid, ApiError> {
        let mut tries = 1;
        loop {
            match self.try_create(new).await {
                Err(error) if tries < CREATE_TRIES && error.is_passing() && !error.is_unheard() => tries += 1,
                created => return created,
            }
        }
    }

    async fn try_create(&self, new: &NewJob<impl Serialize>) -> Result<Uuid, ApiError> {
        let request = self
            .request(Method::POST, self.url(new.route))
            .header(IDEMPOTENCY_KEY, quoted(&new.idempotency_key))
            .json(&new.body);
        self.created(self.send(request).await?).await
    }

    /// Scheme, host and port of the API.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What stands at this path.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        expected: &'static str,
    ) -> Result<T, ApiError> {
        self.page(path, &[], expected).await
    }

    /// What stands at this path for these parameters.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        path: &[&str],
        parameters: &[(&str, String)],
        expected: &'static str,
    ) -> Result<T, ApiError> {
        let mut url = self.url(path);
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
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

    pub(super) fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Only an address without a host has no path, and those are refused at the start.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1", "privacy"]).extend(path);
        }
        url
    }

    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url).bearer_auth(self.token.expose_secret())
    }

    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let response = request.send().await.map_err(|source| ApiError::Unreachable {
            origin: self.origin.clone(),
            source: source.without_url(),
        })?;
        answer::accepted(&self.origin, response).await
    }

    pub(super) fn unreadable(&self, expected: &'static str) -> ApiError {
        ApiError::Unreadable { origin: self.origin.clone(), expected, source: None }
    }
}

/// A key as a string of RFC 8941; it has no character that would need escaping.
pub(super) fn quoted(key: &str) -> String {
    format!("\"{key}\"")
}
