//! What an owner does about a step that waits for others.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::law;
use domain::job::step::Refused;
use domain::job::{Policy, SkipReason, StepState};

use super::conclude::surroundings;
use crate::error::StoreError;
use crate::job::Origin;
use crate::job::write::{LockedJob, exactly_one};
use crate::pool::{Store, act_for};
use crate::rows::{StepRow, StepStateColumns};
use crate::schema::job_steps;

/// Why an owner's command about a step was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum StepControlError {
    /// The organisation has no such step.
    #[error("there is no such step")]
    NotFound,
    /// The step does not allow it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The reason does not fit the step; these do.
    #[error("the reason does not fit the step")]
    Reason(&'static [SkipReason]),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for StepControlError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Has a step that waits for its next attempt tried at once.
    ///
    /// # Errors
    /// [`StepControlError`]; nothing was written then.
    pub async fn retry_step(
        &self,
        organisation: &OrganisationId,
        (job, step): (JobId, StepNo),
        origin: &Origin,
    ) -> Result<(), StepControlError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let (mut job, row) = lock(conn, organisation, (job, step), origin).await?;
            let policy = Policy::default();
            let decision = law::retry_step(&job.facts, &row.facts()?, job.now, &policy)?;
            job.write_decision(conn, &row, &decision, &policy).await?;
            job.announce(conn, step).await?;
            Ok(())
        })
        .await
    }

    /// Does without a step that waits for others, or without what a verification waits for, which is due
    /// at once then. The reason enters the audit log.
    ///
    /// # Errors
    /// [`StepControlError`]; nothing was written then.
    pub async fn skip_step(
        &self,
        organisation: &OrganisationId,
        (job, step): (JobId, StepNo),
        reason: SkipReason,
        origin: &Origin,
    ) -> Result<(), StepControlError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let (mut job, row) = lock(conn, organisation, (job, step), origin).await?;
            let around = surroundings(conn, &row, None).await?;
            let (policy, facts) = (Policy::default(), row.facts()?);
            let skipped = law::skip_step(&job.facts, &facts, (reason, around), job.now, &policy);
            let decision = skipped.map_err(|refused| match refused {
                Refused::Reason => StepControlError::Reason(facts.kind.skip_reasons()),
                other => other.into(),
            })?;
            write_skipped(conn, &row, &decision.step, reason).await?;
            job.reason = Some(reason);
            job.write_consequences(conn, step, &decision, &policy).await?;
            if decision.step.open() {
                job.announce(conn, step).await?;
            }
            Ok(())
        })
        .await
    }
}

/// The database takes no step for done that no worker has done, and tells no verification not to wait,
/// unless it is told why: in the same statement, so that no step has a reason and is not skipped.
async fn write_skipped(
    conn: &mut AsyncPgConnection,
    row: &StepRow,
    state: &StepState,
    reason: SkipReason,
) -> Result<(), StoreError> {
    let columns = StepStateColumns::new(state, row.attempts);
    let step = diesel::update(job_steps::table.find((row.job_id, row.step_no)))
        .filter(job_steps::epoch.eq(row.epoch));
    let changed = if state.open() {
        step.set((columns, job_steps::waived_reason.eq(reason.name()))).execute(conn).await?
    } else {
        step.set((columns, job_steps::skip_reason.eq(reason.name()))).execute(conn).await?
    };
    exactly_one(changed, "step")
}

async fn lock<'a>(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    (job, step): (JobId, StepNo),
    origin: &'a Origin,
) -> Result<(LockedJob<'a>, StepRow), StepControlError> {
    act_for(conn, organisation).await?;
    let job = LockedJob::lock_of(conn, (organisation, job), origin).await?;
    let job = job.ok_or(StepControlError::NotFound)?;
    let row = job.lock_step(conn, step).await?.ok_or(StepControlError::NotFound)?;
    Ok((job, row))
}
