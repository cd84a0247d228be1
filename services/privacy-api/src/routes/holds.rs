//! Legal holds: what must not be erased.

mod binding;
mod fitting;
mod placed;
mod view;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use contracts::http::{DeferredJob, HoldBody, HoldPage, ReleasedHold};
use domain::access::Permission;
use store::{HoldFilter, HoldRecord, PlacedHold};

use crate::auth::{Granted, ManageHolds, RecentlyAuthenticated, ViewJobs};
use crate::cursor::{self, ListOf};
use crate::error::ApiError;
use crate::extract::{HoldPath, JsonBody, OptionalKey, Parameters};
use crate::openapi::{
    Guarded, HoldIsMissing, HoldList, HoldParameters, HoldPlaced, HoldReleased, HoldsParameters, ListRefused,
    NotInThisState, NotPlaced, OneHold, OptionalKeyParameters,
};
use crate::page;
use crate::state::ApiState;

/// Place a legal hold
///
/// What it covers is not erased until it is released (Art. 17(3)): the whole organisation, one person, a
/// collection, or rows of a collection by what their columns hold. Erasures go on beside it and say what
/// they have left. By what a person or a row is found is kept sealed and never shown again.
/// The store is asked whether it can make the comparisons.
///
/// The answer waits until every erasure that is under way knows of the hold: none changes a held row after
/// it. If that takes too long it is 503 `hold-not-binding`: the hold is stored, and the same request with the
/// same `Idempotency-Key` confirms it. For 24 hours the same request with the same key is the same hold.
#[utoipa::path(
    post,
    path = "/api/v1/privacy/holds",
    operation_id = "placeHold",
    tag = "holds",
    request_body(content = HoldBody, content_type = "application/json"),
    params(OptionalKeyParameters),
    responses(HoldPlaced, Guarded, NotPlaced),
    security(("bearer" = [])),
)]
pub async fn place_hold(
    granted: Granted<ManageHolds>,
    key: OptionalKey,
    body: JsonBody<HoldBody>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let PlacedHold { record, replayed } = placed::once(&state, &granted, key, &body).await?;
    if !replayed {
        state.relay.wake();
    }
    if record.released_at.is_none() {
        binding::wait(&state, granted.organisation(), record.id).await?;
    }
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, state.links.hold(record.id)));
    if replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    Ok(response.json(view::of(&state, record, true)?))
}

/// List legal holds
///
/// The organisation's holds, the latest first. The `Link` header and `next_cursor` lead to the next page.
#[utoipa::path(
    get,
    path = "/api/v1/privacy/holds",
    operation_id = "listHolds",
    tag = "holds",
    params(HoldsParameters),
    responses(HoldList, ListRefused, Guarded),
    security(("bearer" = [])),
)]
pub async fn holds(
    granted: Granted<ViewJobs>,
    mut parameters: Parameters,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let page = parameters.page();
    let active = parameters.one_of("active", &["true", "false"]);
    parameters.finish()?;
    let filters = [active];
    let list = ListOf { list: "holds", organisation: granted.organisation().as_str(), filters: &filters };
    let before = page::position(&state.cursors, (&list, &page), cursor::read_position)?;
    let only_active = active == Some("true");
    let filter = HoldFilter { only_active, before, limit: page.limit.saturating_add(1) };
    let records = state.store.holds(granted.organisation(), &filter).await?;
    let (records, next) = page::cut(records, &page, |record: &HoldRecord| {
        state.cursors.write(&list, &cursor::position(record.placed_at, record.id))
    });
    let mut response = HttpResponse::Ok();
    if let Some(next) = &next {
        let query = page::next_query(&page, &[("active", active)], next);
        response.insert_header((header::LINK, page::next_link(&state.links.list("holds", &query))));
    }
    let manages = granted.may(Permission::ManageHolds);
    let views = records.into_iter().map(|record| view::of(&state, record, manages));
    Ok(response.json(HoldPage { holds: views.collect::<Result<_, _>>()?, next_cursor: next }))
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
/// Ends it. Each completed erasure that left rows because of it gets a job that erases them now, and
/// erasures of the organisation that are on hold go on, as far as no other hold stands in their way. So
/// whoever releases it has signed in a short while ago (RFC 9470).
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
    _recent: RecentlyAuthenticated,
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
