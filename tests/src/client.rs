//! A caller of the API.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use contracts::http::{JobSummary, JobView};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use uuid::Uuid;

use crate::wait::eventually;

/// How long a download may take that does not fit into memory.
const LARGE: Duration = Duration::from_secs(600);

/// One caller: a base address and a token.
#[derive(Debug, Clone)]
pub struct Api {
    http: Client,
    base: String,
    token: String,
}

/// A downloaded package.
#[derive(Debug)]
pub struct Download {
    /// The signed link it came from.
    pub link: String,
    /// The archive.
    pub bytes: Bytes,
}

impl Api {
    /// A caller with that token. It does not follow redirects by itself.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(base: &str, token: &str) -> Result<Self> {
        let http = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(120)).build()?;
        Ok(Self { http, base: base.to_owned(), token: token.to_owned() })
    }

    /// Sends a request below `/api/v1/privacy`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> Result<Response> {
        self.send_again(method, path, body, Uuid::new_v4()).await
    }

    /// Sends a request under a key of one's own, so that it can be repeated until it is answered.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send_again(
        &self,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
        key: Uuid,
    ) -> Result<Response> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}/api/v1/privacy{path}", self.base))
            .bearer_auth(&self.token)
            .header("idempotency-key", format!("\"{key}\""));
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.with_context(|| format!("{method} {path}"))
    }

    /// Asks for an export; answers the job.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn export(&self, format: &str) -> Result<Uuid> {
        self.export_of(serde_json::json!({"include_media": false, "format": format})).await
    }

    /// Asks for an export with this body; answers the job.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn export_of(&self, body: serde_json::Value) -> Result<Uuid> {
        let response = self.send(Method::POST, "/export", Some(body)).await?;
        if response.status() != StatusCode::ACCEPTED {
            bail!("an export was not accepted: {} {}", response.status(), response.text().await?);
        }
        Ok(response.json::<JobSummary>().await?.id)
    }

    /// Asks for the erasure of the caller's organisation, at once; answers the job.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn erase(&self, name: &str) -> Result<Uuid> {
        let body = serde_json::json!({
            "confirm_org_name": name, "delete_media": false, "grace_period_days": 0
        });
        let response = self.send(Method::POST, "/delete", Some(body)).await?;
        if response.status() != StatusCode::ACCEPTED {
            bail!("an erasure was not accepted: {} {}", response.status(), response.text().await?);
        }
        Ok(response.json::<JobSummary>().await?.id)
    }

    /// Looks at a job.
    ///
    /// # Errors
    /// When there is no such job, or no answer.
    pub async fn job(&self, id: Uuid) -> Result<JobView> {
        let response = self.send(Method::GET, &format!("/jobs/{id}"), None).await?;
        Ok(response.error_for_status()?.json().await?)
    }

    /// Waits until a job is in one of the states.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn wait(&self, id: Uuid, states: &[&str], within: Duration) -> Result<JobView> {
        let mut last = None;
        let found = eventually(within, &format!("job {id} becomes {states:?}"), || async {
            // The API may be away for a moment while a fault is being made.
            let Ok(job) = self.job(id).await else {
                return Ok(None);
            };
            Ok(states.contains(&job.summary.state.as_str()).then_some(job))
        })
        .await;
        if found.is_err() {
            last = self.job(id).await.ok();
        }
        found.with_context(|| format!("last seen: {}", serde_json::to_string(&last).unwrap_or_default()))
    }

    /// Fetches a job's package through its signed link.
    ///
    /// # Errors
    /// When there is no link or it does not work.
    pub async fn download(&self, id: Uuid) -> Result<Download> {
        self.download_volume(id, 1).await
    }

    /// Fetches a volume of a job's package through its signed link.
    ///
    /// # Errors
    /// When there is no link or it does not work.
    pub async fn download_volume(&self, id: Uuid, volume: i32) -> Result<Download> {
        let link = self.link(id, volume).await?;
        let bytes = self.http.get(&link).send().await?.error_for_status()?.bytes().await?;
        Ok(Download { link, bytes })
    }

    /// Fetches a job's package, however large, into a file.
    ///
    /// # Errors
    /// When there is no link or it does not work, or the file cannot be written.
    pub async fn download_to(&self, id: Uuid, path: &Path) -> Result<()> {
        let request = self.http.get(self.link(id, 1).await?).timeout(LARGE);
        let mut response = request.send().await?.error_for_status()?;
        let mut file = std::fs::File::create(path)?;
        while let Some(chunk) = response.chunk().await? {
            file.write_all(&chunk)?;
        }
        Ok(())
    }

    /// A signed link to a volume of a job's package.
    async fn link(&self, id: Uuid, volume: i32) -> Result<String> {
        let path = format!("/jobs/{id}/download?volume={volume}");
        let response = self.send(Method::GET, &path, None).await?;
        let status = response.status();
        let link =
            response.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
        match link.filter(|_| status.is_redirection()) {
            Some(link) => Ok(link),
            None => bail!("no link: {status} {}", response.text().await?),
        }
    }

    /// Fetches any address without a token.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get_plain(&self, url: &str) -> Result<Response> {
        Ok(self.http.get(url).send().await?)
    }
}
