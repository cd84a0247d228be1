//! An audit event, put together from what it is about and who caused it.

use chrono::{DateTime, Utc};
use contracts::AuditEvent;
use domain::audit::Action;
use domain::erasure::document::MediaResult;
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::{JobAbout, JobOutcome, SkipReason};
use uuid::Uuid;

use super::Origin;

/// What an audit event is about.
#[derive(Debug, Default)]
pub(crate) struct EventAbout {
    pub job: Option<JobId>,
    pub version: Option<i64>,
    pub step: Option<StepNo>,
    pub reason: Option<SkipReason>,
    pub hold: Option<Uuid>,
    pub rows: Option<i64>,
    pub media: Option<MediaResult>,
    pub outcome: Option<JobOutcome>,
    pub what: Option<JobAbout>,
}

/// Puts an audit event together.
pub(crate) fn audit_event(
    organisation: &OrganisationId,
    origin: &Origin,
    action: Action,
    about: EventAbout,
    now: DateTime<Utc>,
) -> AuditEvent {
    AuditEvent {
        organisation_id: organisation.clone(),
        actor: origin.actor.subject.clone(),
        actor_role: origin.actor.role.clone(),
        action,
        outcome: action.outcome(),
        job_id: about.job,
        job_version: about.version,
        step_no: about.step,
        occurred_at: now,
        trace_id: origin.trace_id(),
        reason: about.reason,
        hold_id: about.hold,
        rows: about.rows,
        media: about.media,
        job_outcome: about.outcome,
        about: about.what,
    }
}
