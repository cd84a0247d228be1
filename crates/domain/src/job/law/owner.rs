//! What an owner does about a job or a step of it.

use chrono::{DateTime, Utc};

use crate::audit::Action;

use super::super::policy::Policy;
use super::super::reason::FailureReason;
use super::super::skip::SkipReason;
use super::super::state::{IllegalTransition, JobCommand, JobState};
use super::super::step::{Refused, StepCommand};
use super::{Decision, JobFacts, StepFacts, Surroundings, Version, after_step, quiet};

/// The owner does not want to wait for the next attempt of a step that failed: it is due at once.
///
/// # Errors
/// [`Refused`] when the step does not wait for another attempt.
pub fn retry_step(
    job: &JobFacts,
    step: &StepFacts,
    now: DateTime<Utc>,
    policy: &Policy,
) -> Result<Decision, Refused> {
    if !step.kind.runs_in(&job.state) {
        return Err(Refused::State);
    }
    let step = step.state.apply(&StepCommand::Hurry, now, policy)?;
    let versions = vec![Version { action: Action::StepRetried, state: job.state.clone() }];
    Ok(quiet(step, versions))
}

/// The owner does without a step that waits for others: it ends as if it had been done, and the last of
/// a phase moves the job on. One that verifies is not done without; the owner does without what it waits
/// for, and it looks at once.
///
/// # Errors
/// [`Refused`] when the step is not one that waits for others, or a worker is at it, or the reason is not
/// one for such a step.
pub fn skip_step(
    job: &JobFacts,
    step: &StepFacts,
    (reason, around): (SkipReason, Surroundings),
    now: DateTime<Utc>,
    policy: &Policy,
) -> Result<Decision, Refused> {
    let reasons = step.kind.skip_reasons();
    if reasons.is_empty() || !step.kind.runs_in(&job.state) {
        return Err(Refused::State);
    }
    let command = if step.kind.verifies() { StepCommand::EndWait } else { StepCommand::Skip };
    let state = step.state.apply(&command, now, policy)?;
    if !reasons.contains(&reason) {
        return Err(Refused::Reason);
    }
    if state.open() {
        let version = Version { action: Action::StepSkipped, state: job.state.clone() };
        return Ok(quiet(state, vec![version]));
    }
    let mut decision = after_step(job, state, around, now)?;
    if let Some(first) = decision.versions.first_mut() {
        first.action = Action::StepSkipped;
    }
    Ok(decision)
}

/// The owner calls the job off. Every open step ends with it, also one that is being carried out.
///
/// # Errors
/// [`IllegalTransition`] when the job has ended, or may have changed something that is only brought to its end.
pub fn cancel(job: &JobFacts, now: DateTime<Utc>) -> Result<Version, IllegalTransition> {
    if job.begun && !job.kind.cancellable_once_begun() {
        // It may have changed something: half of it helps nobody.
        let state = match job.state {
            JobState::Pending => "pending after it has begun",
            JobState::OnHold => "on_hold after it has begun",
            _ => job.state.name(),
        };
        return Err(IllegalTransition { state, command: JobCommand::Cancel.name() });
    }
    let state = job.state.apply(&JobCommand::Cancel, now, job.kind)?;
    Ok(Version { action: Action::JobCancelled, state })
}

/// How a failed job is taken up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// The failed and called-off steps of its last pass are opened anew.
    Reopened,
    /// Its steps stay as they are, and what is left is planned behind them.
    FurtherPass,
}

/// A failed job that is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retried {
    /// Its new version.
    pub version: Version,
    /// What becomes of its steps.
    pub again: Again,
}

/// The owner wants a failed job tried again. One that found something left has done what it was planned
/// for: to do the same once more would find the same, so it is planned once more.
///
/// # Errors
/// [`IllegalTransition`] when the job has not failed.
pub fn retry(job: &JobFacts, now: DateTime<Utc>) -> Result<Retried, IllegalTransition> {
    let state = job.state.apply(&JobCommand::Retry, now, job.kind)?;
    let again = match &job.state {
        JobState::Failed { reason, .. } if reason.code == FailureReason::NOT_ERASED => Again::FurtherPass,
        _ => Again::Reopened,
    };
    Ok(Retried { version: Version { action: Action::JobRetried, state }, again })
}
