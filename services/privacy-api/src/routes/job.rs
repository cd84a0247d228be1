//! `GET /jobs/{id}`: a job with its progress and its history.

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use contracts::http::JobView;
use sha2::{Digest as _, Sha256};

use super::view;
use crate::auth::{Granted, ViewJobs};
use crate::error::ApiError;
use crate::extract::JobPath;
use crate::openapi::{Guarded, JobIsMissing, JobParameters, OneJob};
use crate::state::ApiState;

/// Look at a job
///
/// State, progress per collection in rows and bytes, steps, timeline, and links to what can be done
/// with it. Send the `ETag` of the last answer as `If-None-Match` to be told only of changes.
#[utoipa::path(
    get,
    path = "/api/v1/privacy/jobs/{id}",
    operation_id = "getJob",
    tag = "jobs",
    params(JobParameters),
    responses(OneJob, JobIsMissing, Guarded),
    security(("bearer" = [])),
)]
pub async fn job(
    granted: Granted<ViewJobs>,
    path: JobPath,
    request: HttpRequest,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let view = view::of(&state, &granted, path.0).await?;
    answer(&view, request.headers())
}

fn answer(view: &JobView, headers: &HeaderMap) -> Result<HttpResponse, ApiError> {
    let unwritten =
        |error: serde_json::Error| ApiError::Internal("a job cannot be written", Some(Box::new(error)));
    let body = serde_json::to_string(view).map_err(unwritten)?;
    let tag = etag(body.as_bytes());
    if matches(headers, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    Ok(HttpResponse::Ok().insert_header((header::ETAG, tag)).content_type("application/json").body(body))
}

/// Progress changes without a new version of the job, so the tag is one of the content.
fn etag(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    let hex = hash.iter().take(16).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    format!("\"{hex}\"")
}

/// Whether one of the listed tags is this one; weakly compared (RFC 9110, 13.1.2).
fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let mut listed = lists.flat_map(|list| list.split(',')).map(str::trim);
    listed.any(|listed| listed == "*" || listed.strip_prefix("W/").unwrap_or(listed) == tag)
}
