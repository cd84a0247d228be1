//! `POST /export`: asks for an export of the caller's organisation.

use actix_web::{HttpResponse, web};
use contracts::http::ExportBody;
use store::{Accepted, Idempotency, NewExport};

use super::view;
use crate::auth::{Granted, Operate};
use crate::error::ApiError;
use crate::extract::{IdempotencyKey, JsonBody};
use crate::openapi::{AcceptedJob, ExportParameters, Guarded, NotCreated};
use crate::state::ApiState;

/// The route as idempotency keys know it.
const ROUTE: &str = "POST /api/v1/privacy/export";

/// Ask for an export
///
/// Accepts an export of everything that the data map names of the caller's organisation. The same
/// request with the same key is the same job, however often it is sent, for 24 hours.
#[utoipa::path(
    post,
    path = "/api/v1/privacy/export",
    operation_id = "createExport",
    tag = "jobs",
    request_body(content = ExportBody, content_type = "application/json"),
    params(ExportParameters),
    responses(AcceptedJob, NotCreated, Guarded),
    security(("bearer" = [])),
)]
pub async fn export(
    granted: Granted<Operate>,
    key: IdempotencyKey,
    body: JsonBody<ExportBody>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let new = NewExport {
        organisation: granted.organisation().clone(),
        request: (&body.value).into(),
        idempotency: Idempotency {
            client: granted.actor.subject.clone(),
            route: ROUTE.to_owned(),
            key: key.0,
            body_sha256: body.sha256,
        },
        origin: granted.origin(),
    };
    let accepted = state.store.create_export(&new).await;
    let accepted = accepted.map_err(|error| ApiError::not_accepted(error, |job| state.links.job(job)))?;
    let (job, replayed) = match accepted {
        Accepted::Created(job) => {
            state.relay.wake();
            (job, false)
        }
        Accepted::Replayed(job) => (job, true),
    };
    let view = view::of(&state, &granted, job).await?;
    Ok(view::accepted(&state, &view, replayed))
}
