//! Accepting a request: job, first step, audit event and announcement in one transaction.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::audit::Action;
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::{JobKind, Phase};
use uuid::Uuid;

use super::NewExport;
use super::quota::{self, ExportQuota};
use super::write::{EventAbout, audit_event};
use crate::clock;
use crate::error::{StoreError, violates};
use crate::idempotency::{self, Known};
use crate::outbox;
use crate::pool::{Store, act_for};
use crate::rows::ENDED_JOBS;
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
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for CreateError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Accepts an export request, once per idempotency key, unless an equal export is open.
    ///
    /// # Errors
    /// [`CreateError`]; nothing was written then.
    pub async fn create_export(&self, new: &NewExport) -> Result<Accepted, CreateError> {
        self.create_export_within(new, None).await
    }

    /// As [`Store::create_export`], unless the organisation has asked for too many of late. What is
    /// no new job never counts: a repetition, or a request that an equal open job stands in the way of.
    ///
    /// # Errors
    /// [`CreateError`]; nothing was written then.
    pub async fn create_export_within(
        &self,
        new: &NewExport,
        quota: Option<&ExportQuota>,
    ) -> Result<Accepted, CreateError> {
        let mut conn = self.conn().await?;
        let mut tries = TRIES;
        loop {
            let refused = match conn.transaction(async |conn| create(conn, new, quota).await).await {
                Err(CreateError::Store(StoreError::Query(error)))
                    if violates(&error, "privacy_jobs_one_equal_open") =>
                {
                    error
                }
                other => return other,
            };
            let request = serde_json::json!(new.request);
            if let Some(open) = equal_open(&mut conn, &new.organisation, JobKind::Export, &request).await? {
                return Err(CreateError::EqualOpen(open));
            }
            // It ended between the refusal and the look at it, so there is room now.
            tries -= 1;
            if tries == 0 {
                return Err(refused.into());
            }
        }
    }
}

async fn create(
    conn: &mut AsyncPgConnection,
    new: &NewExport,
    quota: Option<&ExportQuota>,
) -> Result<Accepted, CreateError> {
    act_for(conn, &new.organisation).await?;
    match idempotency::look_up(conn, &new.organisation, &new.idempotency).await? {
        Known::Same(job) => return Ok(Accepted::Replayed(job)),
        Known::Different => return Err(CreateError::KeyReused),
        Known::No => {}
    }
    let kind = JobKind::Export;
    let job = new.secret.as_ref().map_or_else(|| JobId(Uuid::now_v7()), |secret| secret.job_id);
    let now = clock::now(conn).await?;
    insert_job(conn, new, (kind, job)).await?;
    if let Some(quota) = quota
        && let Some(room_at) = quota::room_at(conn, &new.organisation, (job, now), quota).await?
    {
        return Err(CreateError::QuotaReached { room_at, now });
    }
    if let Some(secret) = &new.secret {
        secret::insert(conn, &new.organisation, secret).await?;
    }
    let first = StepNo(1);
    diesel::insert_into(job_steps::table)
        .values((
            job_steps::job_id.eq(job.0),
            job_steps::step_no.eq(first.0),
            job_steps::organisation_id.eq(new.organisation.as_str()),
            job_steps::phase.eq(Phase::PLANNING.0),
            job_steps::kind.eq(kind.planning_step().name()),
            job_steps::state.eq("due"),
            job_steps::not_before.eq(now),
        ))
        .execute(conn)
        .await?;
    let about = EventAbout { job, version: Some(1), step: None };
    let event = audit_event(&new.organisation, &new.origin, Action::JobCreated, about, now);
    outbox::audit(conn, event, &new.origin.headers).await?;
    outbox::announce(conn, (kind, job), first, &new.origin.headers, now).await?;
    idempotency::remember(conn, &new.organisation, &new.idempotency, job).await?;
    Ok(Accepted::Created(job))
}

async fn insert_job(
    conn: &mut AsyncPgConnection,
    new: &NewExport,
    (kind, job): (JobKind, JobId),
) -> Result<(), StoreError> {
    diesel::insert_into(privacy_jobs::table)
        .values((
            privacy_jobs::id.eq(job.0),
            privacy_jobs::organisation_id.eq(new.organisation.as_str()),
            privacy_jobs::kind.eq(kind.name()),
            privacy_jobs::state.eq("pending"),
            privacy_jobs::request.eq(serde_json::json!(new.request)),
            privacy_jobs::requested_by.eq(&new.origin.actor.subject),
            privacy_jobs::requested_role.eq(&new.origin.actor.role),
            privacy_jobs::trace_headers.eq(serde_json::json!(new.origin.headers)),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// The open job that is equal to this request, if there is one.
pub(super) async fn equal_open(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    kind: JobKind,
    request: &serde_json::Value,
) -> Result<Option<JobId>, StoreError> {
    conn.transaction(async |conn| {
        act_for(conn, organisation).await?;
        let open: Option<Uuid> = privacy_jobs::table
            .filter(privacy_jobs::organisation_id.eq(organisation.as_str()))
            .filter(privacy_jobs::kind.eq(kind.name()))
            .filter(privacy_jobs::request.eq(request))
            .filter(privacy_jobs::state.ne_all(ENDED_JOBS))
            .select(privacy_jobs::id)
            .first(conn)
            .await
            .optional()?;
        Ok(open.map(JobId))
    })
    .await
}
