//! `POST /jobs/{id}/steps/{step}/retry` and `/skip`: what an owner does about a step that waits.

use actix_web::{HttpResponse, web};
use contracts::http::SkipBody;

use super::view;
use crate::auth::{Granted, Operate};
use crate::error::ApiError;
use crate::extract::{JsonBody, StepPath};
use crate::openapi::{AcceptedJob, Guarded, NotInThisState, NotSkipped, StepIsMissing, StepParameters};
use crate::state::ApiState;

/// Try a step at once
///
/// A step that failed waits longer after each attempt; this ends its waiting. One that waits for something
/// else looks at once whether that has happened.
#[utoipa::path(
    post,
    path = "/api/v1/privacy/jobs/{id}/steps/{step}/retry",
    operation_id = "retryStep",
    tag = "jobs",
    params(StepParameters),
    responses(AcceptedJob, StepIsMissing, NotInThisState, Guarded),
    security(("bearer" = [])),
)]
pub async fn retry_step(
    granted: Granted<Operate>,
    path: StepPath,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let StepPath(job, step) = path;
    let retried = state.store.retry_step(granted.organisation(), (job, step), &granted.origin()).await;
    retried.map_err(|error| {
        ApiError::step_refused(
            error,
            "only a step that failed and waits for its next attempt is tried at once",
        )
    })?;
    answer(&granted, path, &state).await
}

/// Do without a step
///
/// A step that waits for somebody else, as for the provider of a token that is to be revoked, waits for
/// as long as it takes. This ends it without its result; the reason enters the audit log.
///
/// A verification that waits for open transactions to end is not done without: it looks at the result at
/// once, and its result names the reason.
#[utoipa::path(
    post,
    path = "/api/v1/privacy/jobs/{id}/steps/{step}/skip",
    operation_id = "skipStep",
    tag = "jobs",
    request_body(content = SkipBody, content_type = "application/json"),
    params(StepParameters),
    responses(AcceptedJob, StepIsMissing, NotSkipped, Guarded),
    security(("bearer" = [])),
)]
pub async fn skip_step(
    granted: Granted<Operate>,
    path: StepPath,
    body: JsonBody<SkipBody>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let (StepPath(job, step), reason) = (path, body.value.reason.into());
    let skipped = state.store.skip_step(granted.organisation(), (job, step), reason, &granted.origin()).await;
    skipped.map_err(|error| {
        ApiError::step_refused(
            error,
            "only a step that waits for somebody else, as for a provider, can be skipped",
        )
    })?;
    answer(&granted, path, &state).await
}

async fn answer(
    granted: &Granted<Operate>,
    StepPath(job, _): StepPath,
    state: &ApiState,
) -> Result<HttpResponse, ApiError> {
    state.relay.wake();
    let view = view::of(state, granted, job).await?;
    Ok(view::accepted(state, &view, false))
}
