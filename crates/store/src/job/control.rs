//! What an owner does to a job after it was accepted.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::audit::Action;
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::law;
use domain::job::state::IllegalTransition;
use domain::job::{JobKind, Phase, Policy, StepCommand, StepKind, StepState};

use super::Origin;
use super::again::retry;
use super::create::TRIES;
use super::equal::{Equal, in_the_way_of, is_in_the_way};
use super::event::{EventAbout, audit_event};
use super::write::LockedJob;
use crate::error::StoreError;
use crate::outbox;
use crate::pool::{Store, act_for};
use crate::rows::{JobRow, StepRow};
use crate::schema::{job_steps, privacy_jobs};

/// Why an owner's command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The organisation has no such job.
    #[error("there is no such job")]
    NotFound,
    /// The job's state does not allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// This equal job was started meanwhile, so that the other cannot be open again.
    #[error("an equal job is open: {0}")]
    EqualOpen(JobId),
    /// What the job had written was cleared away, so that it cannot go on.
    #[error("what the job had written was cleared away")]
    Swept,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for ControlError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Calls a job off; its open steps end with it, and whoever runs one is fenced out. An erasure can be called
    /// off until a worker has begun the first step that may change something, so while it is being planned too.
    ///
    /// # Errors
    /// [`ControlError`]; nothing was written then.
    pub async fn cancel_job(
        &self,
        organisation: &OrganisationId,
        id: JobId,
        origin: &Origin,
    ) -> Result<(), ControlError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            act_for(conn, organisation).await?;
            let mut job =
                LockedJob::lock_of(conn, (organisation, id), origin).await?.ok_or(ControlError::NotFound)?;
            // Under the job's lock: no step can be claimed before this is written.
            job.facts.begun = begun(&job.steps(conn).await?)?;
            let version = law::cancel(&job.facts, job.now)?;
            job.write_versions(conn, &[version], None).await?;
            job.command_steps(conn, &StepCommand::Cancel, &Policy::default(), StepState::open).await?;
            restore(conn, &job).await?;
            Ok(())
        })
        .await
    }

    /// Tries a failed job again from the phase in which it failed; what was completed stays. An erasure
    /// that found something left is planned once more instead.
    ///
    /// # Errors
    /// [`ControlError`]; nothing was written then.
    pub async fn retry_job(
        &self,
        organisation: &OrganisationId,
        id: JobId,
        origin: &Origin,
    ) -> Result<(), ControlError> {
        let mut conn = self.conn().await?;
        let mut tries = TRIES;
        loop {
            let refused =
                match conn.transaction(async |conn| retry(conn, (organisation, id), origin).await).await {
                    Err(ControlError::Store(StoreError::Query(error))) if is_in_the_way(&error) => error,
                    other => return other,
                };
            let (kind, request) =
                what_was_asked(&mut conn, organisation, id).await?.ok_or(ControlError::NotFound)?;
            let equal = Equal { organisation, kind, request: &request };
            if let Some(open) = in_the_way_of(&mut conn, &equal).await? {
                return Err(ControlError::EqualOpen(open.job()));
            }
            // It ended between the refusal and the look at it, so there is room now.
            tries -= 1;
            if tries == 0 {
                return Err(refused.into());
            }
        }
    }

    /// Records that a link to a job's package was handed out, or that the package was downloaded.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when the organisation has no such job.
    pub async fn record_access(
        &self,
        (organisation, id): (&OrganisationId, JobId),
        action: Action,
        origin: &Origin,
    ) -> Result<(), ControlError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            act_for(conn, organisation).await?;
            let job =
                LockedJob::lock_of(conn, (organisation, id), origin).await?.ok_or(ControlError::NotFound)?;
            let what = Some(job.row.about()?);
            let about = EventAbout { job: Some(id), what, ..EventAbout::default() };
            let event = audit_event(organisation, origin, action, about, job.now);
            outbox::audit(conn, event, &origin.headers).await?;
            Ok(())
        })
        .await
    }
}

/// Whether a worker ever had a step that may change something.
fn begun(steps: &[StepRow]) -> Result<bool, StoreError> {
    for step in steps.iter().filter(|step| step.epoch > 0) {
        if !step.kind()?.precedes_changes() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whoever marked the organisation as deleted while it waited takes the mark away again.
async fn restore(conn: &mut AsyncPgConnection, job: &LockedJob<'_>) -> Result<(), StoreError> {
    let steps = job.steps(conn).await?;
    let marked = steps.iter().any(|step| step.kind == StepKind::SoftDelete.name());
    let (true, Some(last)) = (marked, steps.last()) else {
        return Ok(());
    };
    let step_no = StepNo(last.step_no.saturating_add(1));
    diesel::insert_into(job_steps::table)
        .values((
            job_steps::job_id.eq(job.row.id),
            job_steps::step_no.eq(step_no.0),
            job_steps::organisation_id.eq(&job.row.organisation_id),
            job_steps::phase.eq(Phase::PLANNING.0),
            job_steps::kind.eq(StepKind::Restore.name()),
            job_steps::state.eq("due"),
            job_steps::not_before.eq(job.now),
        ))
        .execute(conn)
        .await?;
    job.announce(conn, step_no).await
}

/// The job's kind and request: what makes another one equal to it.
async fn what_was_asked(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    id: JobId,
) -> Result<Option<(JobKind, serde_json::Value)>, StoreError> {
    conn.transaction(async |conn| {
        act_for(conn, organisation).await?;
        let row: Option<JobRow> = privacy_jobs::table
            .find(id.0)
            .filter(privacy_jobs::organisation_id.eq(organisation.as_str()))
            .select(JobRow::as_select())
            .first(conn)
            .await
            .optional()?;
        row.map(|row| Ok((row.kind()?, row.request))).transpose()
    })
    .await
}
