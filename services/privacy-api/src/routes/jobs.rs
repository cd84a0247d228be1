//! `GET /jobs`: the organisation's jobs, newest first.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use contracts::http::{JobPage, JobSummary};
use domain::job::{JobKind, JobState};
use store::JobFilter;

use crate::auth::{Granted, ViewJobs};
use crate::cursor::{self, ListOf};
use crate::error::ApiError;
use crate::extract::Parameters;
use crate::openapi::{Guarded, JobList, JobsParameters, ListRefused};
use crate::page;
use crate::state::ApiState;

/// List jobs
///
/// The organisation's jobs, newest first. The `Link` header and `next_cursor` lead to the next page.
#[utoipa::path(
    get,
    path = "/api/v1/privacy/jobs",
    operation_id = "listJobs",
    tag = "jobs",
    params(JobsParameters),
    responses(JobList, ListRefused, Guarded),
    security(("bearer" = [])),
)]
pub async fn jobs(
    granted: Granted<ViewJobs>,
    mut parameters: Parameters,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let page = parameters.page();
    let in_state = parameters.one_of("state", &JobState::NAMES);
    let kind = parameters.one_of("kind", &JobKind::ALL.map(JobKind::name));
    parameters.finish()?;
    let filters = [in_state, kind];
    let list = ListOf { list: "jobs", organisation: granted.organisation().as_str(), filters: &filters };
    let before = page::position(&state.cursors, (&list, &page), cursor::read_position)?;
    let filter = JobFilter {
        state: in_state.map(str::to_owned),
        kind: kind.map(str::to_owned),
        before,
        limit: page.limit.saturating_add(1),
    };
    let jobs = state.store.jobs(granted.organisation(), &filter).await?;
    let (jobs, next) = page::cut(jobs, &page, |job: &JobSummary| {
        state.cursors.write(&list, &cursor::position(job.created_at, job.id))
    });
    let mut response = HttpResponse::Ok();
    if let Some(next) = &next {
        let query = page::next_query(&page, &[("state", in_state), ("kind", kind)], next);
        response.insert_header((header::LINK, page::next_link(&state.links.list("jobs", &query))));
    }
    Ok(response.json(JobPage { jobs, next_cursor: next }))
}
