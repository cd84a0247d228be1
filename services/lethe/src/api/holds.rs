//! Requests about legal holds.

use contracts::http::{HoldBody, HoldPage, HoldView, ReleasedHold};
use reqwest::Method;
use uuid::Uuid;

use super::answer;
use super::client::{Api, CREATE_TRIES, IDEMPOTENCY_KEY, quoted};
use super::error::ApiError;

impl Api {
    /// Places a hold, once for each key: what was lost on its way is sent again.
    pub async fn place_hold(&self, body: &HoldBody, key: &str) -> Result<HoldView, ApiError> {
        let mut tries = 1;
        loop {
            match self.try_place_hold(body, key).await {
                Err(error) if tries < CREATE_TRIES && error.is_lost() => tries += 1,
                placed => return placed,
            }
        }
    }

    async fn try_place_hold(&self, body: &HoldBody, key: &str) -> Result<HoldView, ApiError> {
        let request = self.request(Method::POST, self.url(&["holds"]));
        let response = self.send(request.header(IDEMPOTENCY_KEY, quoted(key)).json(body)).await?;
        answer::body(&self.origin, response, "a legal hold").await
    }

    /// A page of holds, the latest first.
    pub async fn holds(&self, parameters: &[(&str, String)]) -> Result<HoldPage, ApiError> {
        self.page(&["holds"], parameters, "a page of legal holds").await
    }

    /// One hold.
    pub async fn hold(&self, id: Uuid) -> Result<HoldView, ApiError> {
        self.get(&["holds", &id.to_string()], "a legal hold").await
    }

    /// Releases a hold; with the jobs that come of it.
    pub async fn release_hold(&self, id: Uuid) -> Result<ReleasedHold, ApiError> {
        let url = self.url(&["holds", &id.to_string(), "release"]);
        let response = self.send(self.request(Method::POST, url)).await?;
        answer::body(&self.origin, response, "a released hold").await
    }
}
