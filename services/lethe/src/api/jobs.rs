//! Requests about jobs, and the audit log of what was done.

use std::time::Duration;

use contracts::http::{AuditPage, JobPage, JobView, PlanView, SkipBody};
use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION};
use url::Url;
use uuid::Uuid;

use super::answer::{self, JobAnswer};
use super::client::Api;
use super::error::ApiError;
use super::events::EventStream;

/// How long one stream of events may go on; the API ends it long before.
const LONGEST_STREAM: Duration = Duration::from_secs(24 * 60 * 60);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

impl Api {
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
        self.page(&["jobs"], parameters, "a page of jobs").await
    }

    /// A page of the audit log.
    pub async fn audit(&self, parameters: &[(&str, String)]) -> Result<AuditPage, ApiError> {
        self.page(&["audit"], parameters, "a page of the audit log").await
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

    /// What an erasure will do, or did.
    pub async fn plan(&self, id: Uuid) -> Result<PlanView, ApiError> {
        self.get(&["jobs", &id.to_string(), "plan"], "a plan").await
    }

    /// Has a step that waits for its next attempt tried at once.
    pub async fn retry_step(&self, job: Uuid, step_no: u32) -> Result<(), ApiError> {
        self.send(self.request(Method::POST, self.step(job, step_no, "retry"))).await.map(drop)
    }

    /// Does without a step that waits for somebody else.
    pub async fn skip_step(&self, job: Uuid, step_no: u32, body: &SkipBody) -> Result<(), ApiError> {
        self.send(self.request(Method::POST, self.step(job, step_no, "skip")).json(body)).await.map(drop)
    }

    fn step(&self, job: Uuid, step_no: u32, action: &str) -> Url {
        self.url(&["jobs", &job.to_string(), "steps", &step_no.to_string(), action])
    }
}
