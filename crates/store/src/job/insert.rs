//! Writing a new job down: its row, its first steps, its audit event and its announcement.

use chrono::{DateTime, Utc};
use contracts::AuditEvent;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::audit::Action;
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::{JobKind, JobName, JobNames, Phase, StepKind};

use super::Origin;
use super::event::{EventAbout, audit_event};
use crate::clock;
use crate::error::StoreError;
use crate::outbox;
use crate::rows::{JobRow, StepRow};
use crate::schema::{job_steps, privacy_jobs};

/// What [`insert_job`] wrote down.
#[derive(Debug)]
pub(crate) struct WrittenJob {
    pub row: JobRow,
    pub steps: Vec<StepRow>,
    /// The audit event of its first version.
    pub created: AuditEvent,
}

/// A job to be written down, whatever its kind.
pub(crate) struct NewJob<'a> {
    pub id: JobId,
    pub organisation: &'a OrganisationId,
    pub kind: JobKind,
    pub request: serde_json::Value,
    pub names: &'a JobNames,
    pub start: Start,
    pub origin: &'a Origin,
}

/// When a job begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// At once.
    Now {
        /// Whether the organisation is marked as deleted before anything else is done.
        soft_deletes: bool,
    },
    /// When its grace period is over.
    After {
        /// The end of the grace period.
        not_before: DateTime<Utc>,
        /// Whether the organisation is marked as deleted meanwhile.
        soft_deletes: bool,
    },
}

/// Writes a job down with its first steps, its audit event and its announcement.
pub(crate) async fn insert_job(
    conn: &mut AsyncPgConnection,
    new: &NewJob<'_>,
) -> Result<WrittenJob, StoreError> {
    let now = clock::now(conn).await?;
    let (state, not_before) = match new.start {
        Start::Now { .. } => ("pending", now),
        Start::After { not_before, .. } => ("scheduled", not_before),
    };
    let row = diesel::insert_into(privacy_jobs::table)
        .values((
            privacy_jobs::id.eq(new.id.0),
            privacy_jobs::organisation_id.eq(new.organisation.as_str()),
            privacy_jobs::kind.eq(new.kind.name()),
            privacy_jobs::state.eq(state),
            privacy_jobs::not_before.eq(not_before),
            privacy_jobs::request.eq(&new.request),
            privacy_jobs::requested_by.eq(&new.origin.actor.subject),
            privacy_jobs::requested_role.eq(&new.origin.actor.role),
            privacy_jobs::trace_headers.eq(serde_json::json!(new.origin.headers)),
            privacy_jobs::label.eq(new.names.label.as_ref().map(JobName::as_str)),
            privacy_jobs::external_reference.eq(new.names.external_reference.as_ref().map(JobName::as_str)),
        ))
        .returning(JobRow::as_returning())
        .get_result(conn)
        .await?;
    let what = Some(row.about()?);
    let about = EventAbout { job: Some(new.id), version: Some(1), what, ..EventAbout::default() };
    let created = audit_event(new.organisation, new.origin, Action::JobCreated, about, now);
    outbox::audit(conn, created.clone(), &new.origin.headers).await?;
    let planning = new.kind.planning_step();
    let (first, then) = (Phase::PLANNING, Phase(Phase::PLANNING.0 + 1));
    let steps: &[(StepKind, Phase, bool)] = match new.start {
        Start::Now { soft_deletes: false } => &[(planning, first, true)],
        // Nothing ends a grace period here, so the mark's own end lets the planning begin.
        Start::Now { soft_deletes: true } => &[(StepKind::SoftDelete, first, true), (planning, then, false)],
        Start::After { soft_deletes: true, .. } => {
            &[(StepKind::SoftDelete, first, true), (planning, first, false)]
        }
        Start::After { soft_deletes: false, .. } => &[(planning, first, false)],
    };
    let mut written = WrittenJob { row, steps: Vec::new(), created };
    for (step_no, (kind, phase, due)) in (1..).map(StepNo).zip(steps) {
        let step = insert_step(conn, new, (step_no, *kind, *phase), due.then_some(now)).await?;
        written.steps.push(step);
    }
    Ok(written)
}

/// Writes one of the first steps down; one that is due is announced.
async fn insert_step(
    conn: &mut AsyncPgConnection,
    job: &NewJob<'_>,
    (step_no, kind, phase): (StepNo, StepKind, Phase),
    due: Option<DateTime<Utc>>,
) -> Result<StepRow, StoreError> {
    let row = diesel::insert_into(job_steps::table)
        .values((
            job_steps::job_id.eq(job.id.0),
            job_steps::step_no.eq(step_no.0),
            job_steps::organisation_id.eq(job.organisation.as_str()),
            job_steps::phase.eq(phase.0),
            job_steps::kind.eq(kind.name()),
            job_steps::state.eq(if due.is_some() { "due" } else { "waiting" }),
            job_steps::not_before.eq(due),
            job_steps::announced_at.eq(due),
        ))
        .returning(StepRow::as_returning())
        .get_result(conn)
        .await?;
    if let Some(now) = due {
        outbox::announce_new(conn, (job.kind, job.id), step_no, &job.origin.headers, now).await?;
    }
    Ok(row)
}
