//! A job as the caller sees it: with the links that lead on, and no link that would be refused.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use contracts::http::JobView;
use domain::id::{JobId, OrganisationId};
use domain::job::law::{self, JobFacts};
use domain::job::{FailureReason, JobKind, JobState};

use store::StoreError;

use crate::auth::{Granted, Needs};
use crate::error::ApiError;
use crate::state::ApiState;

/// Seconds after which a job that was just begun is worth another look.
const RETRY_AFTER: &str = "1";

/// The job with its links, as the caller may see it.
pub(super) async fn of<N: Needs>(
    state: &ApiState,
    granted: &Granted<N>,
    id: JobId,
) -> Result<JobView, ApiError> {
    let view = as_seen(state, granted.organisation(), id, granted.operates()).await?;
    view.ok_or(ApiError::NoSuchJob)
}

/// The job with its links, as somebody sees it who may operate or may not.
pub(super) async fn as_seen(
    state: &ApiState,
    organisation: &OrganisationId,
    id: JobId,
    operates: bool,
) -> Result<Option<JobView>, StoreError> {
    let view = state.store.job_view(organisation, id).await?;
    Ok(view.map(|mut view| {
        add_links(state, &mut view, operates);
        view
    }))
}

/// The answer to a command that was accepted: the job, and when to look again.
pub(super) fn accepted(state: &ApiState, view: &JobView, replayed: bool) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::ACCEPTED);
    response.insert_header((header::LOCATION, state.links.job(view.summary.id)));
    response.insert_header((header::RETRY_AFTER, RETRY_AFTER));
    if replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    response.json(view)
}

fn add_links(state: &ApiState, view: &mut JobView, operates: bool) {
    let id = view.summary.id;
    view.links.insert("self".to_owned(), state.links.job(id));
    let Some(facts) = facts(view).filter(|_| operates) else {
        return;
    };
    let now = view.summary.updated_at;
    let possible = [
        ("cancel", law::cancel(&facts, now).is_ok()),
        ("retry", law::retry(&facts, now).is_ok() && !view.swept),
        ("download", matches!(facts.state, JobState::Completed { .. }) && view.package.is_some()),
    ];
    for (action, _) in possible.into_iter().filter(|(_, possible)| *possible) {
        view.links.insert(action.to_owned(), state.links.job_action(id, action));
    }
}

/// What the law needs to know of the job, to be asked what is possible.
fn facts(view: &JobView) -> Option<JobFacts> {
    let at = view.summary.updated_at;
    let state = match view.summary.state.as_str() {
        "awaiting_approval" => JobState::AwaitingApproval,
        "scheduled" => JobState::Scheduled { not_before: at },
        "pending" => JobState::Pending,
        "running" => JobState::Running,
        "retrying" => JobState::Retrying,
        "on_hold" => JobState::OnHold,
        "verifying" => JobState::Verifying,
        "completed" => JobState::Completed { at },
        "failed" => JobState::Failed { at, reason: FailureReason::new("", "") },
        "cancelled" => JobState::Cancelled { at },
        "expired" => JobState::Expired { at },
        _ => return None,
    };
    Some(JobFacts { kind: JobKind::parse(&view.summary.kind)?, state })
}
