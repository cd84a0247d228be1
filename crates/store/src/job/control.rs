//! What an owner does to a job after it was accepted.

use diesel_async::AsyncConnection;
use domain::audit::Action;
use domain::id::{JobId, OrganisationId};
use domain::job::law::{self, Version};
use domain::job::state::IllegalTransition;
use domain::job::{Policy, StepCommand, StepState};

use super::Origin;
use super::write::{EventAbout, LockedJob, audit_event};
use crate::error::StoreError;
use crate::outbox;
use crate::pool::{Store, act_for};

/// Why an owner's command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The organisation has no such job.
    #[error("there is no such job")]
    NotFound,
    /// The job's state does not allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// An equal job was started meanwhile, so that this one cannot be open again.
    #[error("an equal job is open")]
    EqualOpen,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for ControlError {
    fn from(error: diesel::result::Error) -> Self {
        if crate::error::violates(&error, "privacy_jobs_one_equal_open") {
            return Self::EqualOpen;
        }
        Self::Store(error.into())
    }
}

impl Store {
    /// Calls a job off; its open steps end with it, and whoever runs one is fenced out.
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
            let version = law::cancel(&job.facts, job.now)?;
            job.write_versions(conn, &[version], None).await?;
            job.command_steps(conn, &StepCommand::Cancel, &Policy::default(), StepState::open).await?;
            Ok(())
        })
        .await
    }

    /// Tries a failed job again from the phase in which it failed; what was completed stays.
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
        conn.transaction(async |conn| {
            act_for(conn, organisation).await?;
            let mut job =
                LockedJob::lock_of(conn, (organisation, id), origin).await?.ok_or(ControlError::NotFound)?;
            let version: Version = law::retry(&job.facts, job.now)?;
            match job.write_versions(conn, &[version], None).await {
                Err(StoreError::Query(error)) => return Err(error.into()),
                other => other?,
            }
            reopen(conn, &job).await?;
            Ok(())
        })
        .await
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
            let about = EventAbout { job: id, version: None, step: None };
            let event = audit_event(organisation, origin, action, about, job.now);
            outbox::audit(conn, event, &origin.headers).await?;
            Ok(())
        })
        .await
    }
}

/// Opens the unfinished steps of the first unfinished phase; later ones wait again.
async fn reopen(conn: &mut diesel_async::AsyncPgConnection, job: &LockedJob<'_>) -> Result<(), StoreError> {
    let policy = Policy::default();
    let unfinished: Vec<_> =
        job.steps(conn).await?.into_iter().filter(|row| row.state != "completed").collect();
    let first = unfinished.iter().map(|row| row.phase).min();
    for row in &unfinished {
        if Some(row.phase) == first {
            job.open_step(conn, row, &policy).await?;
        } else {
            let state = row
                .state()?
                .apply(&StepCommand::Reset, job.now, &policy)
                .map_err(|refused| StoreError::corrupt(refused.to_string()))?;
            job.write_step(conn, row, &state).await?;
        }
    }
    Ok(())
}
