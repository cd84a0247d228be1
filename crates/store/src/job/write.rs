//! Writing a decision: states, one audit event per version, announcements. Nothing else writes them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::audit::Action;
use domain::erasure::document::MediaResult;
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::law::{Decision, JobFacts, Version};
use domain::job::{JobOutcome, JobState, Phase, Policy, SkipReason, StepCommand, StepState};
use uuid::Uuid;

use super::Origin;
use super::event::{EventAbout, audit_event};
use crate::error::StoreError;
use crate::outbox;
use crate::rows::{JobRow, JobStateColumns, StepRow, StepStateColumns};
use crate::schema::{job_steps, privacy_jobs};

/// A job under its row lock, with the origin of what is about to happen to it.
pub(crate) struct LockedJob<'a> {
    pub row: JobRow,
    pub facts: JobFacts,
    pub organisation: OrganisationId,
    pub origin: &'a Origin,
    pub now: DateTime<Utc>,
    /// Why a step is done without, for the event that tells so.
    pub reason: Option<SkipReason>,
    /// How many rows a step has dealt with, for the event that tells of its completion.
    pub rows: Option<i64>,
    /// What became of the objects that a step has deleted, for the same event.
    pub media: Option<MediaResult>,
    /// The hold whose release lets the job go on, for the event that tells so.
    pub hold: Option<Uuid>,
    /// What came of it, for the event that tells of its completion.
    pub outcome: Option<JobOutcome>,
}

impl<'a> LockedJob<'a> {
    /// Locks the job's row. Always before any of its steps, so that no two transactions deadlock.
    pub async fn lock(
        conn: &mut AsyncPgConnection,
        id: JobId,
        origin: &'a Origin,
    ) -> Result<Option<Self>, StoreError> {
        let row = privacy_jobs::table
            .find(id.0)
            .select(JobRow::as_select())
            .for_update()
            .first(conn)
            .await
            .optional()?;
        let Some(row) = row else { return Ok(None) };
        let facts = row.facts()?;
        let organisation = outbox::organisation(&row.organisation_id)?;
        let now = crate::clock::now(conn).await?;
        let (reason, rows, media, hold, outcome) = (None, None, None, None, row.outcome()?);
        Ok(Some(Self { row, facts, organisation, origin, now, reason, rows, media, hold, outcome }))
    }

    /// The same for a job of that organisation only: row security says so too, this does not lean on it.
    pub async fn lock_of(
        conn: &mut AsyncPgConnection,
        (organisation, id): (&OrganisationId, JobId),
        origin: &'a Origin,
    ) -> Result<Option<Self>, StoreError> {
        let job = Self::lock(conn, id, origin).await?;
        Ok(job.filter(|job| job.organisation == *organisation))
    }

    /// Locks one of its steps.
    pub async fn lock_step(
        &self,
        conn: &mut AsyncPgConnection,
        step: StepNo,
    ) -> Result<Option<StepRow>, StoreError> {
        let row = job_steps::table
            .find((self.row.id, step.0))
            .select(StepRow::as_select())
            .for_update()
            .first(conn)
            .await
            .optional()?;
        Ok(row)
    }

    /// Writes new versions of the job, each with its audit event.
    pub async fn write_versions(
        &mut self,
        conn: &mut AsyncPgConnection,
        versions: &[Version],
        step: Option<StepNo>,
    ) -> Result<(), StoreError> {
        for version in versions {
            let number = self.row.version.saturating_add(1);
            let changed = diesel::update(privacy_jobs::table.find(self.row.id))
                .filter(privacy_jobs::version.eq(self.row.version))
                .set(JobStateColumns::new(&version.state, number))
                .execute(conn)
                .await?;
            exactly_one(changed, "job")?;
            let about_step = step.filter(|_| about_step(version.action));
            let about = EventAbout {
                job: Some(JobId(self.row.id)),
                version: Some(number),
                step: about_step,
                reason: self.reason.filter(|_| version.action == Action::StepSkipped),
                hold: self.hold.filter(|_| version.action == Action::JobResumed),
                rows: self.rows.filter(|_| version.action == Action::StepCompleted),
                media: self.media.filter(|_| version.action == Action::StepCompleted),
                outcome: self.outcome.filter(|_| version.action == Action::JobCompleted),
                what: Some(self.row.about()?),
            };
            let event = audit_event(&self.organisation, self.origin, version.action, about, self.now);
            outbox::audit(conn, event, &self.origin.headers).await?;
            self.row.version = number;
            self.facts.state = version.state.clone();
        }
        Ok(())
    }

    /// Writes a step's state.
    pub async fn write_step(
        &self,
        conn: &mut AsyncPgConnection,
        row: &StepRow,
        state: &StepState,
    ) -> Result<(), StoreError> {
        let changed = diesel::update(job_steps::table.find((row.job_id, row.step_no)))
            .filter(job_steps::epoch.eq(row.epoch))
            .set(StepStateColumns::new(state, row.attempts))
            .execute(conn)
            .await?;
        exactly_one(changed, "step")
    }

    /// Carries out a decision about one step; answers the steps that became due by it.
    pub async fn write_decision(
        &mut self,
        conn: &mut AsyncPgConnection,
        row: &StepRow,
        decision: &Decision,
        policy: &Policy,
    ) -> Result<Vec<StepNo>, StoreError> {
        self.write_step(conn, row, &decision.step).await?;
        self.write_consequences(conn, StepNo(row.step_no), decision, policy).await
    }

    /// Carries out what a decision means beyond its step, which is written already.
    pub async fn write_consequences(
        &mut self,
        conn: &mut AsyncPgConnection,
        step: StepNo,
        decision: &Decision,
        policy: &Policy,
    ) -> Result<Vec<StepNo>, StoreError> {
        self.write_versions(conn, &decision.versions, Some(step)).await?;
        if decision.cancels_siblings {
            self.command_steps(conn, &StepCommand::Cancel, policy, |step| step.open()).await?;
        }
        let Some(Phase(phase)) = decision.opens else {
            return Ok(Vec::new());
        };
        self.open_phase(conn, phase, policy).await
    }

    /// Makes the waiting steps of a phase due and announces them.
    pub async fn open_phase(
        &self,
        conn: &mut AsyncPgConnection,
        phase: i32,
        policy: &Policy,
    ) -> Result<Vec<StepNo>, StoreError> {
        let waiting =
            self.steps(conn).await?.into_iter().filter(|row| row.phase == phase && row.state == "waiting");
        let mut opened = Vec::new();
        for row in waiting {
            self.open_step(conn, &row, policy).await?;
            opened.push(StepNo(row.step_no));
        }
        Ok(opened)
    }

    /// Makes one step due and announces it.
    pub async fn open_step(
        &self,
        conn: &mut AsyncPgConnection,
        row: &StepRow,
        policy: &Policy,
    ) -> Result<(), StoreError> {
        let state = row.state()?.apply(&StepCommand::Open, self.now, policy).map_err(refused)?;
        self.write_step(conn, row, &state).await?;
        self.announce(conn, StepNo(row.step_no)).await
    }

    /// Announces one of its steps, which is due.
    pub async fn announce(&self, conn: &mut AsyncPgConnection, step: StepNo) -> Result<(), StoreError> {
        let about = (self.facts.kind, JobId(self.row.id));
        outbox::announce(conn, about, step, &self.origin.headers, self.now).await
    }

    /// Applies a command to every step for which `which` holds.
    pub async fn command_steps(
        &self,
        conn: &mut AsyncPgConnection,
        command: &StepCommand,
        policy: &Policy,
        which: impl Fn(&StepState) -> bool + Send,
    ) -> Result<(), StoreError> {
        for row in self.steps(conn).await? {
            let state = row.state()?;
            if which(&state) {
                let state = state.apply(command, self.now, policy).map_err(refused)?;
                self.write_step(conn, &row, &state).await?;
            }
        }
        Ok(())
    }

    /// All steps of the job, locked, in order.
    pub async fn steps(&self, conn: &mut AsyncPgConnection) -> Result<Vec<StepRow>, StoreError> {
        let rows = job_steps::table
            .filter(job_steps::job_id.eq(self.row.id))
            .order(job_steps::step_no)
            .select(StepRow::as_select())
            .for_update()
            .load(conn)
            .await?;
        Ok(rows)
    }

    /// The job's state now.
    pub fn state(&self) -> &JobState {
        &self.facts.state
    }
}

fn about_step(action: Action) -> bool {
    matches!(
        action,
        Action::StepCompleted
            | Action::StepRetrying
            | Action::StepFailed
            | Action::StepRetried
            | Action::StepSkipped
    )
}

pub(crate) fn refused(refused: domain::job::step::Refused) -> StoreError {
    StoreError::corrupt(format!("a step refuses what its job needs: {refused}"))
}

/// A fenced write must change one row; anything else means that the lock did not hold.
pub(crate) fn exactly_one(changed: usize, what: &str) -> Result<(), StoreError> {
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::corrupt(format!("a locked {what} changed under its lock")))
    }
}
