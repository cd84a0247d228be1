//! `POST /delete`: asks for the erasure of the organisation.

use actix_web::{HttpResponse, web};
use contracts::http::DeleteBody;
use domain::erasure::ErasureRequest;
use store::NewErasure;

use super::organisation::{must_be_confirmed, sources};
use super::{compared, names, view};
use crate::auth::{Granted, Operate, RecentlyAuthenticated};
use crate::error::ApiError;
use crate::extract::{JsonBody, OptionalKey};
use crate::openapi::{AcceptedJob, Guarded, KeyParameters, NotErased};
use crate::state::ApiState;

/// The route as idempotency keys know it.
const ROUTE: &str = "POST /api/v1/privacy/delete";

/// Ask for the erasure of the organisation
///
/// Accepts the erasure of everything that the data map names of the caller's organisation (Art. 17).
/// Whoever asks is its owner, has signed in a short while ago (RFC 9470), and confirms its name to the
/// letter. The organisation is marked as deleted at once, where the data map says how; the erasure
/// begins when the grace period is over, at `not_before`, and can be cancelled until then, and while it is
/// being planned: that takes the mark away. With `after_export` it also waits for the end of that export, and when the export was
/// not delivered it fails and nothing is erased. With `dry_run` it ends with its plan, which is made at once, and erases nothing.
/// The same request with the same key is the same job, however often it is sent, for 24 hours; without a key
/// an equal job that is open is the answer. The name is confirmed only once: in a repetition with a key it is
/// not looked at, since the erasure may have taken it away.
#[utoipa::path(
    post,
    path = "/api/v1/privacy/delete",
    operation_id = "deleteOrganisation",
    tag = "jobs",
    request_body(content = DeleteBody, content_type = "application/json"),
    params(KeyParameters),
    responses(AcceptedJob, NotErased, Guarded),
    security(("bearer" = [])),
)]
pub async fn delete(
    granted: Granted<Operate>,
    _recent: RecentlyAuthenticated,
    key: OptionalKey,
    body: JsonBody<DeleteBody>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let (organisation, request) = (granted.organisation(), ErasureRequest::from(&body.value));
    let names = names::parse(body.value.label.as_deref(), body.value.external_reference.as_deref())?;
    // All but the organisation's name, which is to be erased, while what is kept of a request outlives that.
    let compared = compared::of_job(&request, &names, None)?;
    let idempotency = compared::under_key(&granted, (ROUTE, key), (compared, None));
    let refused = |error| ApiError::not_accepted(error, None, |job| state.links.job(job));
    if let Some(key) = &idempotency
        && let Some(known) = state.store.made_before(organisation, key).await.map_err(refused)?
    {
        return view::of_accepted(&state, &granted, known).await;
    }
    let sources = sources(&state)?;
    must_be_confirmed(sources, organisation, &body.value.confirm_org_name).await?;
    let new = NewErasure {
        organisation: organisation.clone(),
        soft_deletes: sources.map().organisation().is_some_and(|(_, root)| root.soft_delete.is_some()),
        secret: None,
        idempotency,
        names,
        request,
        origin: granted.origin(),
    };
    let accepted = state.store.create_erasure(&new).await.map_err(refused)?;
    view::of_accepted(&state, &granted, accepted).await
}
