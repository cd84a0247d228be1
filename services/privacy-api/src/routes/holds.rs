//! Legal holds: what must not be erased.

mod placed;
mod view;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use contracts::http::{DeferredJob, HoldBody, HoldList, ReleasedHold};
use domain::access::Permission;

use crate::auth::{Granted, ManageHolds, ViewJobs};
use crate::error::ApiError;
use crate::extract::{HoldPath, JsonBody, Parameters};
use crate::openapi::{
    AllHolds, BodyRefused, Guarded, HoldIsMissing, HoldParameters, HoldPlaced, HoldReleased, HoldsParameters,
    NotInThisState, OneHold, ParametersRefused,
};
use crate::state::ApiState;

/// Place a legal hold
///
/// What it covers is not erased until it is released (Art. 17(3)): the whole organisation, one person, a
/// collection, or rows of a collection by what their columns hold. Erasures go on beside it and say what
/// they have left. By what a person or a row is found is kept sealed and never shown again.
#[utoipa::path(
    post,
    path = "/api/v1/privacy/holds",
    operation_id = "placeHold",
    tag = "holds",
    request_body(content = HoldBody, content_type = "application/json"),
    responses(HoldPlaced, BodyRefused, Guarded),
    security(("bearer" = [])),
)]
pub async fn place_hold(
    granted: Granted<ManageHolds>,
    body: JsonBody<HoldBody>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let new = placed::checked(&state, granted.organisation(), &body.value)?;
    let record = state.store.place_hold(&new, &granted.origin()).await?;
    state.relay.wake();
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, state.links.hold(record.id)));
    Ok(response.json(view::of(&state, record, true)?))
}

/// List legal holds
///
/// The organisation's holds, the latest first.
#[utoipa::path(
    get,
    path = "/api/v1/privacy/holds",
    operation_id = "listHolds",
    tag = "holds",
    params(HoldsParameters),
    responses(AllHolds, ParametersRefused, Guarded),
    security(("bearer" = [])),
)]
pub async fn holds(
    granted: Granted<ViewJobs>,
    mut parameters: Parameters,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let only_active = parameters.one_of("active", &["true", "false"]) == Some("true");
    parameters.finish()?;
    let manages = granted.may(Permission::ManageHolds);
    let records = state.store.holds(granted.organisation(), only_active).await?;
    let views = records.into_iter().map(|record| view::of(&state, record, manages));
    Ok(HttpResponse::Ok().json(HoldList { holds: views.collect::<Result<_, _>>()? }))
}

/// Look at a legal hold
///
/// What it covers, without the values that it is found by; its ground, and who answers for it.
#[utoipa::path(
    get,
    path = "/api/v1/privacy/holds/{id}",
    operation_id = "getHold",
    tag = "holds",
    params(HoldParameters),
    responses(OneHold, HoldIsMissing, Guarded),
    security(("bearer" = [])),
)]
pub async fn hold(
    granted: Granted<ViewJobs>,
    path: HoldPath,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let record = state.store.hold(granted.organisation(), path.0).await?.ok_or(ApiError::NoSuchHold)?;
    Ok(HttpResponse::Ok().json(view::of(&state, record, granted.may(Permission::ManageHolds))?))
}

/// Release a legal hold
///
/// Ends it. Each completed erasure that left rows because of it gets a job that erases them now.
#[utoipa::path(
    post,
    path = "/api/v1/privacy/holds/{id}/release",
    operation_id = "releaseHold",
    tag = "holds",
    params(HoldParameters),
    responses(HoldReleased, HoldIsMissing, NotInThisState, Guarded),
    security(("bearer" = [])),
)]
pub async fn release_hold(
    granted: Granted<ManageHolds>,
    path: HoldPath,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let organisation = granted.organisation();
    let jobs = state.store.release_hold(organisation, path.0, &granted.origin()).await?;
    state.relay.wake();
    let record = state.store.hold(organisation, path.0).await?.ok_or(ApiError::NoSuchHold)?;
    let deferred = |job: domain::id::JobId| DeferredJob {
        id: job.0,
        links: [("self".to_owned(), state.links.job(job.0))].into(),
    };
    let jobs = jobs.into_iter().map(deferred).collect();
    Ok(HttpResponse::Ok().json(ReleasedHold { hold: view::of(&state, record, true)?, jobs }))
}
