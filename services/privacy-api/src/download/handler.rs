//! Checks the link, opens the package, records the download, sends the bytes. In this order.

use std::ops::Range;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Utc;
use domain::audit::Action;
use domain::id::OrganisationId;
use futures::StreamExt as _;
use packages::{ObjectKey, ObjectStream};
use store::{Actor, Origin, PackageRecord};
use uuid::Uuid;

use super::content::Content;
use super::range::{self, Wanted};
use super::signed_link::SignedLink;
use crate::error::ApiError;
use crate::openapi::{
    LinkParameters, LinkRefusals, PackageBytes, PackageHead, RangeParameters, RangeRefused,
};
use crate::state::ApiState;

/// A link that was checked, and what it opens.
struct Opened {
    signed: SignedLink,
    organisation: OrganisationId,
    package: PackageRecord,
    key: ObjectKey,
    content: Content,
}

/// Download a package
///
/// Needs no token: the signature in the link is the permission. Single ranges are answered, so that
/// an interrupted download can go on.
#[utoipa::path(
    get,
    path = "/download/{package_id}",
    operation_id = "downloadPackage",
    tag = "packages",
    params(LinkParameters, RangeParameters),
    responses(PackageBytes, LinkRefusals, RangeRefused)
)]
pub async fn download(request: HttpRequest, state: web::Data<ApiState>) -> Result<HttpResponse, ApiError> {
    let opened = open(&request, &state).await?;
    let size_bytes = opened.content.size_bytes;
    let wanted = range::wanted(
        text(&request, header::RANGE),
        text(&request, header::IF_RANGE),
        (size_bytes, &opened.content.etag),
    );
    let part = match wanted {
        Wanted::Whole => None,
        Wanted::Part(part) => Some(part),
        Wanted::Nothing => return Err(ApiError::Range { size_bytes }),
    };
    let object = state.packages.get(&opened.key, part.clone()).await?;
    if object.size_bytes != size_bytes {
        return Err(ApiError::Internal("the package is not as long as was recorded", None));
    }
    record(&state, &opened, part.as_ref()).await?;
    Ok(send(state, opened, part, object))
}

/// Look at a package without downloading it
///
/// The headers that a download would have. Is not audited, since no byte leaves.
#[utoipa::path(
    head,
    path = "/download/{package_id}",
    operation_id = "inspectPackage",
    tag = "packages",
    params(LinkParameters),
    responses(PackageHead, LinkRefusals)
)]
pub async fn head(request: HttpRequest, state: web::Data<ApiState>) -> Result<HttpResponse, ApiError> {
    let opened = open(&request, &state).await?;
    state.packages.head(&opened.key).await?.ok_or(ApiError::PackageGone)?;
    let mut response = HttpResponse::Ok();
    opened.content.describe(&mut response);
    let nothing = futures::stream::empty::<Result<web::Bytes, packages::PackageError>>();
    Ok(response.body(SizedStream::new(opened.content.size_bytes, nothing)))
}

/// Checks the link before anything is read from any store, and finds the package.
async fn open(request: &HttpRequest, state: &ApiState) -> Result<Opened, ApiError> {
    let id = package_id(request.uri().path()).ok_or(ApiError::LinkRefused)?;
    let signed = SignedLink::parse(request.query_string()).ok_or(ApiError::LinkRefused)?;
    state.link_keys.verify(&signed.target(id), &signed.link, Utc::now())?;
    let organisation =
        OrganisationId::parse(signed.organisation.as_str()).map_err(|_| ApiError::LinkRefused)?;
    let package = state.store.package(&organisation, id).await?.ok_or(ApiError::PackageGone)?;
    if package.expires_at <= Utc::now() {
        return Err(ApiError::PackageGone);
    }
    let size_bytes = u64::try_from(package.size_bytes).unwrap_or(0);
    let content = Content::new(size_bytes, &package.sha256, &signed.file_name);
    let key = ObjectKey::parse(&package.object_key).map_err(packages::PackageError::from)?;
    Ok(Opened { signed, organisation, package, key, content })
}

/// The package that a path names, in the one spelling that links of ours have.
fn package_id(path: &str) -> Option<Uuid> {
    let (_, text) = path.rsplit_once('/')?;
    Uuid::try_parse(text).ok().filter(|id| id.hyphenated().to_string() == text)
}

/// Records the download, unless all of these bytes were sent by one that was recorded.
async fn record(state: &ApiState, opened: &Opened, part: Option<&Range<u64>>) -> Result<(), ApiError> {
    let signature = &opened.signed.link.signature;
    if part.is_some_and(|part| part.start > 0 && state.downloads.have_sent(signature, part)) {
        return Ok(());
    }
    let actor = Actor { subject: "signed-link".to_owned(), role: "link".to_owned() };
    let origin = Origin { actor, headers: telemetry::inject_current() };
    let about = (&opened.organisation, opened.package.job_id);
    state.store.record_access(about, Action::PackageDownloaded, &origin).await?;
    state.relay.wake();
    Ok(())
}

fn send(
    state: web::Data<ApiState>,
    Opened { signed, content, .. }: Opened,
    part: Option<Range<u64>>,
    object: ObjectStream,
) -> HttpResponse {
    let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = HttpResponse::build(status);
    content.describe(&mut response);
    let mut at = object.range.start;
    let length = object.range.end.saturating_sub(at);
    if let Some(Range { start, end }) = part {
        let last = end.saturating_sub(1);
        response
            .insert_header((header::CONTENT_RANGE, format!("bytes {start}-{last}/{}", content.size_bytes)));
    }
    // The status has left by then: all that can be done is to end the connection early.
    let chunks = object.chunks.inspect(move |chunk| {
        match chunk {
            Ok(bytes) => {
                let end = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                let link = (signed.link.signature.as_str(), signed.link.expires_at);
                state.downloads.note(link, at..end, Utc::now().timestamp());
                at = end;
            }
            // Its time was over before the download was.
            Err(error) if error.is_missing() => {
                tracing::debug!(error = telemetry::as_error(error), "a package ended during a download");
            }
            Err(error) => tracing::warn!(error = telemetry::as_error(error), "a download broke off"),
        }
    });
    response.body(SizedStream::new(length, chunks))
}

fn text(request: &HttpRequest, name: HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}
