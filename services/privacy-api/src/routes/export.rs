//! `POST /export`: asks for an export of the caller's organisation.

use actix_web::{HttpResponse, web};
use contracts::http::ExportBody;
use store::NewExport;

use super::{compared, encryption, names, sealed, view};
use crate::auth::{Granted, Operate};
use crate::error::ApiError;
use crate::extract::{JsonBody, OptionalKey};
use crate::openapi::{AcceptedJob, Guarded, KeyParameters, NotCreated};
use crate::state::ApiState;

/// The route as idempotency keys know it.
const ROUTE: &str = "POST /api/v1/privacy/export";

/// Ask for an export
///
/// Accepts an export of everything that the data map names of the caller's organisation. The same
/// request with the same key is the same job, however often it is sent, for 24 hours; without a key an
/// equal job that is open is the answer, unless a passphrase encrypts its package. An organisation
/// may ask for so many new exports within a period; past that the answer is 429. With `encryption`
/// the package is encrypted in the format of age, or there is none: never one in the clear.
#[utoipa::path(
    post,
    path = "/api/v1/privacy/export",
    operation_id = "createExport",
    tag = "jobs",
    request_body(content = ExportBody, content_type = "application/json"),
    params(KeyParameters),
    responses(AcceptedJob, NotCreated, Guarded),
    security(("bearer" = [])),
)]
pub async fn export(
    granted: Granted<Operate>,
    key: OptionalKey,
    body: JsonBody<ExportBody>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let (request, passphrase) = encryption::checked(&state, &body.value)?;
    let names = names::parse(body.value.label.as_deref(), body.value.external_reference.as_deref())?;
    let mut came_with = (compared::of_job(&request, &names, passphrase)?, Some(body.sha256));
    let secret = match passphrase {
        None => None,
        Some(passphrase) => {
            let tag = |sha256: &[u8; 32]| sealed::tag(&state, granted.organisation(), sha256);
            came_with = (tag(&came_with.0)?, Some(tag(&body.sha256)?));
            Some(sealed::for_new_job(&state, granted.organisation(), passphrase.secret())?)
        }
    };
    let new = NewExport {
        organisation: granted.organisation().clone(),
        request,
        secret,
        idempotency: compared::under_key(&granted, (ROUTE, key), came_with),
        names,
        origin: granted.origin(),
    };
    let quota = state.limits.exports_per_organisation.quota();
    let accepted = state.store.create_export_within(&new, quota.as_ref()).await;
    let accepted =
        accepted.map_err(|error| ApiError::not_accepted(error, quota, |job| state.links.job(job)))?;
    Ok(view::of_accepted_export(&state, &granted, accepted))
}
