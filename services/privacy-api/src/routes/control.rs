//! `POST /jobs/{id}/cancel` and `/retry`: what an owner does to a job that was accepted.

use actix_web::{HttpResponse, web};

use super::view;
use crate::auth::{Granted, Operate};
use crate::error::ApiError;
use crate::extract::JobPath;
use crate::openapi::{AcceptedJob, Guarded, JobIsMissing, JobParameters, NotInThisState, NotRetried};
use crate::state::ApiState;

/// Cancel a job
///
/// Calls the job off with its open steps. An export can be cancelled until it has ended, an erasure
/// until its first step that writes has begun, while it is being planned too, on hold or not; the organisation
/// is no longer marked as deleted then.
#[utoipa::path(
    post,
    path = "/api/v1/privacy/jobs/{id}/cancel",
    operation_id = "cancelJob",
    tag = "jobs",
    params(JobParameters),
    responses(AcceptedJob, JobIsMissing, NotInThisState, Guarded),
    security(("bearer" = [])),
)]
pub async fn cancel(
    granted: Granted<Operate>,
    path: JobPath,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    state.store.cancel_job(granted.organisation(), path.0, &granted.origin()).await?;
    answer(&granted, path, &state).await
}

/// Try a failed job again
///
/// Opens the steps that have not been completed; what was completed stays. An erasure that failed because
/// something was left (`not_erased`) is planned once more for what is left, in a further pass: new steps
/// behind those that were done.
#[utoipa::path(
    post,
    path = "/api/v1/privacy/jobs/{id}/retry",
    operation_id = "retryJob",
    tag = "jobs",
    params(JobParameters),
    responses(AcceptedJob, JobIsMissing, NotRetried, Guarded),
    security(("bearer" = [])),
)]
pub async fn retry(
    granted: Granted<Operate>,
    path: JobPath,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let retried = state.store.retry_job(granted.organisation(), path.0, &granted.origin()).await;
    retried.map_err(|error| ApiError::not_carried_out(error, |job| state.links.job(job)))?;
    answer(&granted, path, &state).await
}

async fn answer(
    granted: &Granted<Operate>,
    path: JobPath,
    state: &ApiState,
) -> Result<HttpResponse, ApiError> {
    state.relay.wake();
    let view = view::of(state, granted, path.0).await?;
    Ok(view::accepted(state, &view, false))
}
