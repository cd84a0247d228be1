//! Accepting a request: job, first step, audit event and announcement in one transaction.

use chrono::{DateTime, Utc};
use contracts::AuditEvent;
use contracts::http::JobView;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::audit::Action;
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::{JobKind, Phase, StepKind};
use uuid::Uuid;

use super::equal::{Equal, in_the_way_of, is_in_the_way};
use super::quota::{self, ExportQuota};
use super::write::{EventAbout, audit_event};
use super::{NewExport, Origin, read};
use crate::clock;
use crate::error::StoreError;
use crate::idempotency::{self, Idempotency, Known, Named};
use crate::outbox;
use crate::pool::{Store, act_for};
use crate::rows::{JobRow, StepRow};
use crate::schema::{job_steps, privacy_jobs};
use crate::secret;

/// How often a request is tried when the equal job that is in its way ends meanwhile.
pub(super) const TRIES: u32 = 20;

/// An accepted request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// A new job.
    Created(JobId),
    /// The job that the same request made before.
    Replayed(JobId),
}

/// An accepted export, and its job as the API shows it at that moment: of a new job what was just
/// written down, without reading it back.
#[derive(Debug)]
pub struct AcceptedExport {
    /// Whose job it is.
    pub accepted: Accepted,
    /// The job.
    pub view: JobView,
}

/// What [`insert_job`] wrote down.
#[derive(Debug)]
pub(crate) struct WrittenJob {
    pub row: JobRow,
    pub steps: Vec<StepRow>,
    /// The audit event of its first version.
    pub created: AuditEvent,
}

/// Why a request is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// An equal job is open.
    #[error("an equal job is open: {0}")]
    EqualOpen(JobId),
    /// The organisation has asked for as many exports as it may for now.
    #[error("the organisation may ask for no further export before {room_at}")]
    QuotaReached {
        /// When one more would be accepted.
        room_at: DateTime<Utc>,
        /// The database's time now.
        now: DateTime<Utc>,
    },
    /// The idempotency key came with another body before.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// The organisation has no such export of its own that could come before its erasure.
    #[error("the organisation has no such export")]
    NoExportBefore,
    /// The export that was to come before the erasure has ended without its package.
    #[error("the export that was to come first is {0}")]
    ExportEnded(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for CreateError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A job to be written down, whatever its kind.
pub(crate) struct NewJob<'a> {
    pub id: JobId,
    pub organisation: &'a OrganisationId,
    pub kind: JobKind,
    pub request: serde_json::Value,
    pub start: Start,
    pub origin: &'a Origin,
}

/// When a job begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// At once.
    Now,
    /// When its grace period is over.
    After {
        /// The end of the grace period.
        not_before: DateTime<Utc>,
        /// Whether the organisation is marked as deleted meanwhile.
        soft_deletes: bool,
    },
}

impl Store {
    /// Accepts an export request, once per idempotency key, unless an equal export is open.
    ///
    /// # Errors
    /// [`CreateError`]; nothing was written then.
    pub async fn create_export(&self, new: &NewExport) -> Result<Accepted, CreateError> {
        self.create_export_within(new, None).await.map(|export| export.accepted)
    }

    /// As [`Store::create_export`], unless the organisation has asked for too many of late. What is
    /// no new job never counts: a repetition, or a request that an equal open job stands in the way of.
    /// The job comes with it, as it stands.
    ///
    /// # Errors
    /// [`CreateError`]; nothing was written then.
    pub async fn create_export_within(
        &self,
        new: &NewExport,
        quota: Option<&ExportQuota>,
    ) -> Result<AcceptedExport, CreateError> {
        let mut conn = self.conn().await?;
        let mut tries = TRIES;
        loop {
            let refused = match conn.transaction(async |conn| create(conn, new, quota).await).await {
                Err(CreateError::Store(StoreError::Query(error))) if is_in_the_way(&error) => error,
                other => return other,
            };
            let request = serde_json::json!(new.request);
            let equal = Equal { organisation: &new.organisation, kind: JobKind::Export, request: &request };
            if let Some(open) = in_the_way_of(&mut conn, &equal).await? {
                return Err(CreateError::EqualOpen(open));
            }
            // It ended between the refusal and the look at it, so there is room now.
            tries -= 1;
            if tries == 0 {
                return Err(refused.into());
            }
        }
    }

    /// The job that the same request made before, for requests that must not be checked again: what they
    /// were checked against may be gone by the time they are repeated.
    ///
    /// # Errors
    /// [`CreateError`], above all [`CreateError::KeyReused`].
    pub async fn made_before(
        &self,
        organisation: &OrganisationId,
        key: &Idempotency,
    ) -> Result<Option<Accepted>, CreateError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| accept(conn, organisation, key).await).await
    }
}

async fn create(
    conn: &mut AsyncPgConnection,
    new: &NewExport,
    quota: Option<&ExportQuota>,
) -> Result<AcceptedExport, CreateError> {
    if let Some(Accepted::Created(job) | Accepted::Replayed(job)) =
        accept(conn, &new.organisation, &new.idempotency).await?
    {
        let view = read::view_of(conn, &new.organisation, job).await?;
        let view = view.ok_or_else(|| StoreError::corrupt("a key is known of a job that is not there"))?;
        return Ok(AcceptedExport { accepted: Accepted::Replayed(job), view });
    }
    let job = new.secret.as_ref().map_or_else(|| JobId(Uuid::now_v7()), |secret| secret.job_id);
    let (organisation, request) = (&new.organisation, serde_json::json!(new.request));
    let (kind, start) = (JobKind::Export, Start::Now);
    let new_job = NewJob { id: job, organisation, kind, request, start, origin: &new.origin };
    let written = insert_job(conn, &new_job).await?;
    let now = written.created.occurred_at;
    if let Some(quota) = quota
        && let Some((room_at, now)) = quota::room_at(conn, organisation, (job, now), quota).await?
    {
        return Err(CreateError::QuotaReached { room_at, now });
    }
    if let Some(secret) = &new.secret {
        secret::insert(conn, organisation, secret).await?;
    }
    idempotency::remember(conn, organisation, &new.idempotency, Named::Job(job)).await?;
    Ok(AcceptedExport { accepted: Accepted::Created(job), view: read::view_of_new(written)? })
}

/// Begins the transaction of a request; what it was answered before, if it is a repetition.
pub(super) async fn accept(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    key: &Idempotency,
) -> Result<Option<Accepted>, CreateError> {
    act_for(conn, organisation).await?;
    match idempotency::look_up(conn, organisation, key).await? {
        Known::Same(Named::Job(job)) => Ok(Some(Accepted::Replayed(job))),
        Known::Same(Named::Hold(_)) => Err(Named::another().into()),
        Known::Different => Err(CreateError::KeyReused),
        Known::No => Ok(None),
    }
}

/// Writes a job down with its first steps, its audit event and its announcement.
pub(crate) async fn insert_job(
    conn: &mut AsyncPgConnection,
    new: &NewJob<'_>,
) -> Result<WrittenJob, StoreError> {
    let now = clock::now(conn).await?;
    let (state, not_before) = match new.start {
        Start::Now => ("pending", now),
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
        ))
        .returning(JobRow::as_returning())
        .get_result(conn)
        .await?;
    let about = EventAbout { job: Some(new.id), version: Some(1), ..EventAbout::default() };
    let created = audit_event(new.organisation, new.origin, Action::JobCreated, about, now);
    outbox::audit(conn, created.clone(), &new.origin.headers).await?;
    let planning = new.kind.planning_step();
    let steps: &[(StepKind, bool)] = match new.start {
        Start::Now => &[(planning, true)],
        Start::After { soft_deletes: true, .. } => &[(StepKind::SoftDelete, true), (planning, false)],
        Start::After { soft_deletes: false, .. } => &[(planning, false)],
    };
    let mut written = WrittenJob { row, steps: Vec::new(), created };
    for (step_no, (kind, due)) in (1..).map(StepNo).zip(steps) {
        written.steps.push(insert_step(conn, new, (step_no, *kind), due.then_some(now)).await?);
    }
    Ok(written)
}

/// Writes a step of phase 0 down; one that is due is announced.
async fn insert_step(
    conn: &mut AsyncPgConnection,
    job: &NewJob<'_>,
    (step_no, kind): (StepNo, StepKind),
    due: Option<DateTime<Utc>>,
) -> Result<StepRow, StoreError> {
    let row = diesel::insert_into(job_steps::table)
        .values((
            job_steps::job_id.eq(job.id.0),
            job_steps::step_no.eq(step_no.0),
            job_steps::organisation_id.eq(job.organisation.as_str()),
            job_steps::phase.eq(Phase::PLANNING.0),
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
