//! Accepting a request: job, first step, audit event and announcement in one transaction.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::audit::Action;
use domain::id::{JobId, StepNo};
use domain::job::{JobKind, Phase};
use uuid::Uuid;

use super::NewExport;
use super::write::{EventAbout, audit_event};
use crate::clock;
use crate::error::{StoreError, violates};
use crate::idempotency::{self, Known};
use crate::outbox;
use crate::pool::{Store, act_for};
use crate::rows::ENDED_JOBS;
use crate::schema::{job_steps, privacy_jobs};

/// How often a request is tried when the equal job that is in its way ends meanwhile.
const TRIES: u32 = 20;

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
        let mut conn = self.conn().await?;
        let mut tries = TRIES;
        loop {
            let refused = match conn.transaction(async |conn| create(conn, new).await).await {
                Err(CreateError::Store(StoreError::Query(error)))
                    if violates(&error, "privacy_jobs_one_equal_open") =>
                {
                    error
                }
                other => return other,
            };
            if let Some(open) = equal_open(&mut conn, new).await? {
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

async fn create(conn: &mut AsyncPgConnection, new: &NewExport) -> Result<Accepted, CreateError> {
    act_for(conn, &new.organisation).await?;
    match idempotency::look_up(conn, &new.organisation, &new.idempotency).await? {
        Known::Same(job) => return Ok(Accepted::Replayed(job)),
        Known::Different => return Err(CreateError::KeyReused),
        Known::No => {}
    }
    let kind = JobKind::Export;
    let job = JobId(Uuid::now_v7());
    let now = clock::now(conn).await?;
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

async fn equal_open(conn: &mut AsyncPgConnection, new: &NewExport) -> Result<Option<JobId>, StoreError> {
    conn.transaction(async |conn| {
        act_for(conn, &new.organisation).await?;
        let open: Option<Uuid> = privacy_jobs::table
            .filter(privacy_jobs::organisation_id.eq(new.organisation.as_str()))
            .filter(privacy_jobs::kind.eq(JobKind::Export.name()))
            .filter(privacy_jobs::request.eq(serde_json::json!(new.request)))
            .filter(privacy_jobs::state.ne_all(ENDED_JOBS))
            .select(privacy_jobs::id)
            .first(conn)
            .await
            .optional()?;
        Ok(open.map(JobId))
    })
    .await
}
