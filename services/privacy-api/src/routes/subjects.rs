//! `POST /subjects/export` and `/subjects/erase`: asks for what concerns one person.

use actix_web::{HttpResponse, web};
use contracts::http::{SubjectErasureBody, SubjectExportBody};
use store::{Idempotency, NewErasure, NewExport};

use super::organisation::sources;
use super::person::Person;
use super::{compared, encryption, sealed, view};
use crate::auth::{Granted, Operate, RecentlyAuthenticated};
use crate::error::ApiError;
use crate::extract::{JsonBody, OptionalKey};
use crate::openapi::{AcceptedJob, Guarded, KeyParameters, NotCreated, NotErased};
use crate::state::ApiState;

/// The routes as idempotency keys know them.
const EXPORT: &str = "POST /api/v1/privacy/subjects/export";
const ERASE: &str = "POST /api/v1/privacy/subjects/erase";

/// Ask for an export of one person's data
///
/// Accepts an export of what the data map names of one person in the caller's organisation (Art. 15,
/// 20). The person is found by an identity of a type that the data map names, in any spelling that
/// people use: case, and what stands between the digits of a telephone number, do not count. It is kept
/// sealed, only until the job has ended, and shown to nobody. In all else as an export of the
/// organisation, whose limit it counts towards.
#[utoipa::path(
    post,
    path = "/api/v1/privacy/subjects/export",
    operation_id = "exportSubject",
    tag = "jobs",
    request_body(content = SubjectExportBody, content_type = "application/json"),
    params(KeyParameters),
    responses(AcceptedJob, NotCreated, Guarded),
    security(("bearer" = [])),
)]
pub async fn export_subject(
    granted: Granted<Operate>,
    key: OptionalKey,
    body: JsonBody<SubjectExportBody>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let (organisation, asked) = (granted.organisation(), &body.value);
    sealed::keys(&state)?;
    let named = (asked.identity_type.as_str(), &asked.identity_value);
    let person = Person::parse(sources(&state)?.map(), "", named)?;
    let package = asked.package();
    let (mut request, passphrase) = encryption::checked(&state, &package)?;
    request.subject = Some(person.reference(&state, organisation)?);
    let names = person.names(asked.label.as_deref(), asked.external_reference.as_deref())?;
    let compared = compared::of_job(&request, &names, passphrase)?;
    let idempotency = idempotency(&state, &granted, (EXPORT, key), (compared, &body.sha256))?;
    let new = NewExport {
        organisation: organisation.clone(),
        request,
        secret: Some(sealed::for_new_job(&state, organisation, &person.secret(passphrase)?)?),
        idempotency,
        names,
        origin: granted.origin(),
    };
    let quota = state.limits.exports_per_organisation.quota();
    let accepted = state.store.create_export_within(&new, quota.as_ref()).await;
    let accepted =
        accepted.map_err(|error| ApiError::not_accepted(error, quota, |job| state.links.job(job)))?;
    Ok(view::of_accepted_export(&state, &granted, accepted))
}

/// Ask for the erasure of one person's data
///
/// Accepts the erasure of what the data map names of one person in the caller's organisation (Art. 17).
/// Whoever asks is its owner and has signed in a short while ago (RFC 9470). The person is found and
/// kept secret as in an export of their data. Without a grace period it begins at once; with `dry_run` it
/// ends with its plan and erases nothing.
#[utoipa::path(
    post,
    path = "/api/v1/privacy/subjects/erase",
    operation_id = "eraseSubject",
    tag = "jobs",
    request_body(content = SubjectErasureBody, content_type = "application/json"),
    params(KeyParameters),
    responses(AcceptedJob, NotErased, Guarded),
    security(("bearer" = [])),
)]
pub async fn erase_subject(
    granted: Granted<Operate>,
    _recent: RecentlyAuthenticated,
    key: OptionalKey,
    body: JsonBody<SubjectErasureBody>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let (organisation, asked) = (granted.organisation(), &body.value);
    sealed::keys(&state)?;
    let named = (asked.identity_type.as_str(), &asked.identity_value);
    let person = Person::parse(sources(&state)?.map(), "", named)?;
    let request = asked.request(person.reference(&state, organisation)?);
    let names = person.names(asked.label.as_deref(), asked.external_reference.as_deref())?;
    let compared = compared::of_job(&request, &names, None)?;
    let new = NewErasure {
        organisation: organisation.clone(),
        request,
        soft_deletes: false,
        secret: Some(sealed::for_new_job(&state, organisation, &person.secret(None)?)?),
        idempotency: idempotency(&state, &granted, (ERASE, key), (compared, &body.sha256))?,
        names,
        origin: granted.origin(),
    };
    let accepted = state.store.create_erasure(&new).await;
    let accepted =
        accepted.map_err(|error| ApiError::not_accepted(error, None, |job| state.links.job(job)))?;
    view::of_accepted(&state, &granted, accepted).await
}

fn idempotency(
    state: &ApiState,
    granted: &Granted<Operate>,
    came: (&str, OptionalKey),
    (compared, received): ([u8; 32], &[u8; 32]),
) -> Result<Option<Idempotency>, ApiError> {
    let tag = |sha256: &[u8; 32]| sealed::tag(state, granted.organisation(), sha256);
    Ok(compared::under_key(granted, came, (tag(&compared)?, Some(tag(received)?))))
}
