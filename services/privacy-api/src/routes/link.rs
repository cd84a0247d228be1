//! `GET /jobs/{id}/download`: leads to the package through a signed link.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use chrono::Utc;
use domain::audit::Action;
use domain::id::JobId;
use store::PackageRecord;

use crate::auth::{Granted, Operate};
use crate::download::SignedLink;
use crate::error::ApiError;
use crate::extract::JobPath;
use crate::openapi::{Guarded, JobIsMissing, JobParameters, LinkIssued, NoPackage};
use crate::state::ApiState;

/// Get a download link
///
/// Redirects to a signed link to the job's package. The link needs no token and is good for 24
/// hours: whoever has it has the package. Handing it out is audited, and so is every download.
#[utoipa::path(
    get,
    path = "/api/v1/privacy/jobs/{id}/download",
    operation_id = "getDownloadLink",
    tag = "packages",
    params(JobParameters),
    responses(LinkIssued, JobIsMissing, NoPackage, Guarded),
    security(("bearer" = [])),
)]
pub async fn link(
    granted: Granted<Operate>,
    path: JobPath,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let organisation = granted.organisation();
    let package = match state.store.package_of(organisation, path.0).await? {
        Some(package) => package,
        None => return Err(why_not(&state, &granted, path.0).await?),
    };
    let link = sign(&state, &granted, &package)?;
    state.store.record_access((organisation, path.0), Action::LinkIssued, &granted.origin()).await?;
    state.relay.wake();
    Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, link)).finish())
}

fn sign(state: &ApiState, granted: &Granted<Operate>, package: &PackageRecord) -> Result<String, ApiError> {
    let never =
        |error: packages::LinkError| ApiError::Internal("a link cannot be signed", Some(Box::new(error)));
    let expires_at = Utc::now() + state.link_validity;
    let link = SignedLink::new(granted.organisation().as_str(), package, |target| {
        state.link_keys.sign(target, expires_at)
    });
    Ok(state.links.package(package.id, &link.map_err(never)?.to_query()))
}

/// Why the job has no package to hand out.
async fn why_not(state: &ApiState, granted: &Granted<Operate>, id: JobId) -> Result<ApiError, ApiError> {
    let view = state.store.job_view(granted.organisation(), id).await?;
    Ok(match view {
        None => ApiError::NoSuchJob,
        Some(view) if view.summary.state == "expired" => ApiError::PackageGone,
        Some(view) => ApiError::WrongState(format!(
            "a job that is {} has no package; it can be downloaded once the job is completed",
            view.summary.state
        )),
    })
}
