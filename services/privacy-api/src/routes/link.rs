//! `GET /jobs/{id}/download`: leads to the package through a signed link.

use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use chrono::Utc;
use domain::audit::Action;
use domain::id::JobId;
use packages::{ObjectKey, PackageError};
use store::PackageRecord;

use crate::auth::{Granted, Operate};
use crate::download::SignedLink;
use crate::error::ApiError;
use crate::extract::{JobPath, MOST_VOLUMES, Parameters};
use crate::openapi::{DownloadParameters, Guarded, JobIsMissing, LinkIssued, NoPackage};
use crate::state::ApiState;

/// Get a download link
///
/// Redirects to a signed link to the job's package, or to one volume of it. The link needs no token
/// and is good for 24 hours, or until the package is deleted: whoever has it has the package. It
/// leads to the object store where that signs links, else to this service. Handing it out is
/// audited, and so is every download that goes through this service.
#[utoipa::path(
    get,
    path = "/api/v1/privacy/jobs/{id}/download",
    operation_id = "getDownloadLink",
    tag = "packages",
    params(DownloadParameters),
    responses(LinkIssued, JobIsMissing, NoPackage, Guarded),
    security(("bearer" = [])),
)]
pub async fn link(
    granted: Granted<Operate>,
    path: JobPath,
    mut parameters: Parameters,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let volume = parameters.parsed("volume", "expected a whole number from 1 to 99999", volume);
    parameters.finish()?;
    let organisation = granted.organisation();
    let package = match state.store.package_of(organisation, path.0, volume.unwrap_or(1)).await? {
        Some(package) => package,
        None => return Err(why_not(&state, &granted, path.0).await?),
    };
    let link = sign(&state, &granted, &package).await?;
    state.store.record_access((organisation, path.0), Action::LinkIssued, &granted.origin()).await?;
    state.relay.wake();
    Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, link)).finish())
}

fn volume(text: &str) -> Option<i32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|volume| digits && (1..=MOST_VOLUMES).contains(volume))
}

/// A link of the store's where it signs any, else one of ours. Neither outlives the package.
async fn sign(
    state: &ApiState,
    granted: &Granted<Operate>,
    package: &PackageRecord,
) -> Result<String, ApiError> {
    let key = ObjectKey::parse(&package.object_key).map_err(PackageError::from)?;
    let now = Utc::now();
    // Whole seconds, as signatures have them; less than one is none.
    let left = (package.expires_at - now).to_std().unwrap_or_default().as_secs();
    let valid_for = state.link_validity.min(Duration::from_secs(left));
    if valid_for.is_zero() || state.packages.head(&key).await?.is_none() {
        return Err(ApiError::PackageGone);
    }
    if let Some(url) = state.packages.presign(&key, valid_for, &package.file_name).await? {
        return Ok(url.into());
    }
    let never =
        |error: packages::LinkError| ApiError::Internal("a link cannot be signed", Some(Box::new(error)));
    let expires_at = now + valid_for;
    let link = SignedLink::new(granted.organisation().as_str(), package, |target| {
        state.link_keys.sign(target, expires_at)
    });
    Ok(state.links.package(package.id, &link.map_err(never)?.to_query()))
}

/// Why the job has no such package to hand out.
async fn why_not(state: &ApiState, granted: &Granted<Operate>, id: JobId) -> Result<ApiError, ApiError> {
    let view = state.store.job_view(granted.organisation(), id).await?;
    Ok(match view {
        None => ApiError::NoSuchJob,
        Some(view) if view.summary.state == "expired" => ApiError::PackageGone,
        Some(view) if view.summary.state == "completed" && !view.packages.is_empty() => {
            let volumes = view.packages.len();
            ApiError::WrongState(format!("the package has no such volume: they are numbered 1 to {volumes}"))
        }
        Some(view) => ApiError::WrongState(format!(
            "a job that is {} has no package; it can be downloaded once the job is completed",
            view.summary.state
        )),
    })
}
