//! `GET /audit`: the organisation's part of the audit log, newest first.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use contracts::http::{AuditEntry, AuditPage};
use domain::audit::Action;
use store::AuditFilter;
use uuid::Uuid;

use crate::auth::{Granted, ViewAudit};
use crate::cursor::ListOf;
use crate::error::ApiError;
use crate::extract::Parameters;
use crate::openapi::{AuditList, AuditParameters, Guarded, ListRefused};
use crate::page;
use crate::state::ApiState;

/// Read the audit log
///
/// The organisation's part of the log, newest first. The `Link` header and `next_cursor` lead to
/// the next page.
#[utoipa::path(
    get,
    path = "/api/v1/privacy/audit",
    operation_id = "listAuditEntries",
    tag = "audit",
    params(AuditParameters),
    responses(AuditList, ListRefused, Guarded),
    security(("bearer" = [])),
)]
pub async fn audit(
    granted: Granted<ViewAudit>,
    mut parameters: Parameters,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let page = parameters.page();
    let job = parameters.parsed("job", "expected a job's id", |text| Uuid::try_parse(text).ok());
    let action = parameters.one_of("action", &Action::ALL.map(Action::name));
    parameters.finish()?;
    let job_text = job.map(|id| id.to_string());
    let filters = [job_text.as_deref(), action];
    let list = ListOf { list: "audit", organisation: granted.organisation().as_str(), filters: &filters };
    let read = |bytes: &[u8]| bytes.try_into().ok().map(i64::from_be_bytes);
    let before = page::position(&state.cursors, (&list, &page), read)?;
    let filter =
        AuditFilter { job, action: action.map(str::to_owned), before, limit: page.limit.saturating_add(1) };
    let entries = state.store.audit_entries(granted.organisation(), &filter).await?;
    let (entries, next) =
        page::cut(entries, &page, |entry: &AuditEntry| state.cursors.write(&list, &entry.seq.to_be_bytes()));
    let mut response = HttpResponse::Ok();
    if let Some(next) = &next {
        let query = page::next_query(&page, &[("job", job_text.as_deref()), ("action", action)], next);
        response.insert_header((header::LINK, page::next_link(&state.links.list("audit", &query))));
    }
    Ok(response.json(AuditPage { entries, next_cursor: next }))
}
