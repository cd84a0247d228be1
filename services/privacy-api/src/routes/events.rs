//! `GET /jobs/{id}/events`: what becomes of a job, as it happens; and tickets to it.

use std::sync::Arc;

use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Utc;
use contracts::http::{EndEvent, EventTicket};
use domain::id::JobId;

use super::view;
use crate::auth::{Granted, ViewJobs};
use crate::error::ApiError;
use crate::events::{self, Client, Position};
use crate::extract::{JobPath, Parameters};
use crate::openapi::{
    EventParameters, EventStream, Guarded, JobIsMissing, JobParameters, StreamRefused, TicketIssued,
};
use crate::state::ApiState;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Keeps nginx and those that do as it does from holding events back.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Watch a job
///
/// Server-sent events (WHATWG HTML, 9.2): `progress` (`ProgressEvent`) when rows, bytes, rates or
/// state have changed, `change` (`TimelineEntry`) for each audited change once and in order, and
/// `end` (`EndEvent`) when the job has ended, after which the stream ends. Every event has an `id`
/// of the form `<version>.<n>`, which grows. Sent back as `Last-Event-ID`, it leads on from there:
/// no change is missed, none told twice; any other text begins anew. A comment is sent when nothing
/// else was for 15 seconds. The stream also ends, without `end`, when the token does, after a time
/// that the service sets (15 minutes), and when the service stops: come back with `Last-Event-ID`.
///
/// Those who cannot send headers, as `EventSource`, get a ticket first and name it here.
#[utoipa::path(
    get,
    path = "/api/v1/privacy/jobs/{id}/events",
    operation_id = "watchJob",
    tag = "jobs",
    params(JobParameters, EventParameters),
    responses(EventStream, JobIsMissing, StreamRefused, Guarded),
    security(("bearer" = []), ("ticket" = [])),
)]
pub async fn events(
    granted: Granted<ViewJobs>,
    path: JobPath,
    mut parameters: Parameters,
    request: HttpRequest,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let once = parameters.one_of("once", &["true", "false"]) == Some("true");
    // Was read where the caller was found.
    parameters.text("ticket");
    parameters.finish()?;
    let (organisation, job) = (granted.organisation().clone(), path.0);
    must_exist(&state, &granted, job).await?;
    let seat = state.events.seats.take(&organisation);
    let seat = seat.ok_or(ApiError::EventStreams(state.events.seats.most()))?;
    let from = last_event(request.headers()).unwrap_or_default();
    let client = Client { from, until: granted.caller.until, once, seat };
    let watched = state.events.hub.watch(&organisation, job);
    let operates = granted.operates();
    let shared = Arc::clone(&state.events);
    let stream = events::stream(&shared, watched, client, async move || {
        match view::as_seen(&state, &organisation, job, operates).await {
            Ok(Some(view)) => Some(EndEvent {
                id: view.summary.id,
                state: view.summary.state,
                status: view.summary.status,
                outcome: view.summary.outcome,
                version: view.summary.version,
                ended_at: view.summary.ended_at,
                failure: view.failure,
                links: view.links,
            }),
            // The stream ends without its last event, and whoever comes back is told why.
            Ok(None) | Err(_) => None,
        }
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((ACCEL_BUFFERING, "no"))
        .streaming(stream))
}

/// Get a ticket to a job's events
///
/// For clients that cannot send headers. The ticket opens this job's stream for a minute, as often
/// as a connection is lost, and nothing else; a stream that is open goes on after that. Do not keep
/// it, and do not log it.
#[utoipa::path(
    post,
    path = "/api/v1/privacy/jobs/{id}/events/ticket",
    operation_id = "createEventTicket",
    tag = "jobs",
    params(JobParameters),
    responses(TicketIssued, JobIsMissing, Guarded),
    security(("bearer" = [])),
)]
pub async fn event_ticket(
    granted: Granted<ViewJobs>,
    path: JobPath,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    must_exist(&state, &granted, path.0).await?;
    let issued = state.events.tickets.issue(&granted.caller, path.0, Utc::now());
    let (ticket, expires_at) = issued.ok_or(ApiError::Internal("a ticket cannot be made", None))?;
    // Base64 for URLs: needs no further encoding.
    let url = format!("{}?ticket={ticket}", state.links.job_action(path.0.0, "events"));
    Ok(HttpResponse::Ok().json(EventTicket { ticket, expires_at, url }))
}

/// Another organisation's job is none.
async fn must_exist(state: &ApiState, granted: &Granted<ViewJobs>, job: JobId) -> Result<(), ApiError> {
    let glance = state.store.job_glance(granted.organisation(), job, i64::MAX).await?;
    glance.map(drop).ok_or(ApiError::NoSuchJob)
}

fn last_event(headers: &HeaderMap) -> Option<Position> {
    Position::parse(headers.get(LAST_EVENT_ID)?.to_str().ok()?)
}
