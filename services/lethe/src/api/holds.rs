//! Requests about legal holds.

use contracts::http::{HoldBody, HoldPage, HoldView, ReleasedHold};
use reqwest::Method;
use uuid::Uuid;

use super::answer;
use super::client::Api;
use super::error::ApiError;

impl Api {
    /// Places a hold. Sent once: without a key, repetitions would be holds of their own.
    pub async fn place_hold(&self, body: &HoldBody) -> Result<HoldView, ApiError> {
        let response = self.send(self.request(Method::POST, self.url(&["holds"])).json(body)).await?;
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
