//! A job as the caller sees it: with the links that lead on, and no link that would be refused.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use chrono::{DateTime, Utc};
use contracts::http::{JobView, StepView};
use domain::id::{JobId, OrganisationId};
use domain::job::law::{self, JobFacts, StepFacts, Surroundings};
use domain::job::{FailureReason, JobKind, JobState, Pause, Policy, StepKind, StepState};
use store::{Accepted, AcceptedExport, StoreError};
use uuid::Uuid;

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

/// A job that was read already, with its links, as the caller may see it.
pub(super) fn linked<N: Needs>(state: &ApiState, granted: &Granted<N>, mut view: JobView) -> JobView {
    add_links(state, &mut view, granted.operates());
    view
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

/// The answer to a request that was accepted, now or before.
pub(super) async fn of_accepted<N: Needs>(
    state: &ApiState,
    granted: &Granted<N>,
    made: Accepted,
) -> Result<HttpResponse, ApiError> {
    let (job, replayed) = match made {
        Accepted::Created(job) => {
            state.relay.wake();
            (job, false)
        }
        Accepted::Replayed(job) => (job, true),
    };
    Ok(accepted(state, &of(state, granted, job).await?, replayed))
}

/// The answer to a request for an export that was accepted, now or before.
pub(super) fn of_accepted_export<N: Needs>(
    state: &ApiState,
    granted: &Granted<N>,
    made: AcceptedExport,
) -> HttpResponse {
    let replayed = matches!(made.accepted, Accepted::Replayed(_));
    if !replayed {
        state.relay.wake();
    }
    accepted(state, &linked(state, granted, made.view), replayed)
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
    if view.summary.kind == JobKind::Erasure.name() {
        // Before there is a plan, it says when there will be one.
        view.links.insert("plan".to_owned(), state.links.job_action(id, "plan"));
    }
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
    for step in &mut view.steps {
        add_step_links(state, id, &facts, step, now);
    }
}

fn add_step_links(state: &ApiState, job: Uuid, facts: &JobFacts, step: &mut StepView, now: DateTime<Utc>) {
    let Some(step_facts) = step_facts(step, now) else {
        return;
    };
    let around =
        Surroundings { open_siblings: 1, next_phase: None, next_verifies: false, hold_released: false };
    let policy = Policy::default();
    let skips = |reason| law::skip_step(facts, &step_facts, (reason, around), now, &policy).is_ok();
    let possible = [
        ("retry", law::retry_step(facts, &step_facts, now, &policy).is_ok()),
        ("skip", step_facts.kind.skip_reasons().iter().copied().any(skips)),
    ];
    for (action, _) in possible.into_iter().filter(|(_, possible)| *possible) {
        step.links.insert(action.to_owned(), state.links.step_action(job, step.step_no, action));
    }
}

/// What the law needs to know of a step that waits; an owner can do nothing about any other.
fn step_facts(step: &StepView, now: DateTime<Utc>) -> Option<StepFacts> {
    let kind = StepKind::parse(&step.kind).filter(|_| step.state == "due")?;
    let nothing = || FailureReason::new("", "");
    let failed = step.failure.as_ref().map(|_| Pause::Failed(nothing()));
    let pause = step.waits_for.as_ref().map(|_| Pause::Waits(nothing())).or(failed);
    let attempts = u32::try_from(step.attempts).unwrap_or_default();
    Some(StepFacts { kind, state: StepState::Due { attempts, not_before: now, pause } })
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
    let begun = view.steps.iter().any(may_have_changed);
    Some(JobFacts { kind: JobKind::parse(&view.summary.kind)?, state, begun })
}

/// Whether a worker has begun the step, and it is one that may change something.
fn may_have_changed(step: &StepView) -> bool {
    let waits = matches!(step.state.as_str(), "waiting" | "due" | "cancelled");
    let tried = step.attempts > 0 || step.started_at.is_some();
    let begun = !waits || tried || step.failure.is_some() || step.waits_for.is_some();
    begun && StepKind::parse(&step.kind).is_none_or(|kind| !kind.precedes_changes())
}
