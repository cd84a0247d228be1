//! What one event means for a step and its job together.
//!
//! The store locks the job's row, then the step's, hands the facts in, and writes exactly what
//! comes back, in one transaction: states, one audit event per new version, announcements.

use chrono::{DateTime, Utc};

use crate::audit::Action;

use super::kind::{JobKind, Phase, StepKind};
use super::policy::Policy;
use super::reason::FailureReason;
use super::state::{IllegalTransition, JobCommand, JobState};
use super::step::{Lease, Refused, StepCommand, StepState};

/// The facts about a job that a decision needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFacts {
    /// Its kind.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
}

/// The facts about a step that a decision needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFacts {
    /// Its kind.
    pub kind: StepKind,
    /// Where it stands.
    pub state: StepState,
}

/// The facts about a step's surroundings that a conclusion needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Surroundings {
    /// How many other steps of the same phase have yet to end.
    pub open_siblings: i64,
    /// The next phase that has steps, planned ones included; `None` when this is the last.
    pub next_phase: Option<Phase>,
    /// Whether that next phase verifies.
    pub next_verifies: bool,
}

/// One new version of the job: what is audited, and the job's state from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// What happened.
    pub action: Action,
    /// The job's state with this version.
    pub state: JobState,
}

/// What to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The step's new state.
    pub step: StepState,
    /// The job's new versions, in order; each is one audit event.
    pub versions: Vec<Version>,
    /// The phase whose waiting steps become due.
    pub opens: Option<Phase>,
    /// Whether every other open step is called off.
    pub cancels_siblings: bool,
}

/// How the holder of a step reports its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// Done.
    Completed,
    /// Failed; trying again may help.
    Retryable(FailureReason),
    /// Failed; trying again cannot help.
    Permanent(FailureReason),
    /// Given back by a worker that is shutting down.
    Released,
}

/// A worker asks for a step.
///
/// # Errors
/// [`Refused`] when the step is not to be had: not due, held, ended, or its job is not workable.
pub fn claim(
    job: &JobFacts,
    step: &StepFacts,
    lease: Lease,
    now: DateTime<Utc>,
    policy: &Policy,
) -> Result<Decision, Refused> {
    if !step.kind.runs_in(&job.state) {
        return Err(Refused::State);
    }
    let step = step.state.apply(&StepCommand::Claim(lease), now, policy)?;
    let mut versions = Vec::new();
    if let Ok(state) = job.state.apply(&JobCommand::Start, now, job.kind) {
        versions.push(Version { action: Action::JobStarted, state });
    }
    Ok(Decision { step, versions, opens: None, cancels_siblings: false })
}

/// The holder of a step reports how it ended. The last step of a phase moves the job on.
///
/// # Errors
/// [`Refused::Fenced`] when the reporter no longer holds the step: nothing it says counts.
pub fn conclude(
    job: &JobFacts,
    step: &StepFacts,
    report: (i64, Conclusion),
    around: Surroundings,
    (now, policy): (DateTime<Utc>, &Policy),
) -> Result<Decision, Refused> {
    let (epoch, conclusion) = report;
    let command = match conclusion {
        Conclusion::Completed => StepCommand::Complete { epoch },
        Conclusion::Retryable(reason) => StepCommand::BackOff { epoch, reason },
        Conclusion::Permanent(reason) => StepCommand::Fail { epoch, reason },
        Conclusion::Released => StepCommand::Release { epoch },
    };
    let released = matches!(command, StepCommand::Release { .. });
    let state = step.state.apply(&command, now, &policy.of(step.kind))?;
    if !step.kind.runs_in(&job.state) {
        return Err(Refused::Fenced);
    }
    if released {
        return Ok(Decision { step: state, versions: Vec::new(), opens: None, cancels_siblings: false });
    }
    after_step(job, state, around, now)
}

/// Time passed: a lease may have run out.
///
/// # Errors
/// [`Refused`] when the lease is alive or the step is not running.
pub fn lapse(
    job: &JobFacts,
    step: &StepFacts,
    now: DateTime<Utc>,
    policy: &Policy,
) -> Result<Decision, Refused> {
    let step = step.state.apply(&StepCommand::Lapse, now, &policy.of(step.kind))?;
    let around = Surroundings { open_siblings: 0, next_phase: None, next_verifies: false };
    after_step(job, step, around, now)
}

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
    Ok(Decision { step, versions, opens: None, cancels_siblings: false })
}

/// The owner does without a step that waits for others. It ends as if it had been done, and the last
/// of a phase moves the job on.
///
/// # Errors
/// [`Refused`] when the step is not one that waits for others, or a worker is at it.
pub fn skip_step(
    job: &JobFacts,
    step: &StepFacts,
    around: Surroundings,
    now: DateTime<Utc>,
    policy: &Policy,
) -> Result<Decision, Refused> {
    if !step.kind.patient() || !step.kind.runs_in(&job.state) {
        return Err(Refused::State);
    }
    let state = step.state.apply(&StepCommand::Skip, now, policy)?;
    let mut decision = after_step(job, state, around, now)?;
    if let Some(first) = decision.versions.first_mut() {
        first.action = Action::StepSkipped;
    }
    Ok(decision)
}

/// The grace period may have ended: by the control database's clock, and by that of whoever asks. A
/// clock that is wrong makes an erasure late, never early.
///
/// # Errors
/// [`IllegalTransition`] when it has not, or the job does not wait for that.
pub fn release(
    job: &JobFacts,
    now: DateTime<Utc>,
    witness: DateTime<Utc>,
) -> Result<Version, IllegalTransition> {
    let state = job.state.apply(&JobCommand::Release, now.min(witness), job.kind)?;
    Ok(Version { action: Action::JobReleased, state })
}

/// The owner calls the job off. Every open step ends with it.
///
/// # Errors
/// [`IllegalTransition`] when the job has ended or cannot be stopped any more.
pub fn cancel(job: &JobFacts, now: DateTime<Utc>) -> Result<Version, IllegalTransition> {
    let state = job.state.apply(&JobCommand::Cancel, now, job.kind)?;
    Ok(Version { action: Action::JobCancelled, state })
}

/// The owner wants a failed job tried again. Its failed and called-off steps are opened anew.
///
/// # Errors
/// [`IllegalTransition`] when the job has not failed.
pub fn retry(job: &JobFacts, now: DateTime<Utc>) -> Result<Version, IllegalTransition> {
    let state = job.state.apply(&JobCommand::Retry, now, job.kind)?;
    Ok(Version { action: Action::JobRetried, state })
}

/// The time of a job's package is over, and its objects are deleted.
///
/// # Errors
/// [`IllegalTransition`] when the job has no package to end.
pub fn expire(job: &JobFacts, now: DateTime<Utc>) -> Result<Version, IllegalTransition> {
    let state = job.state.apply(&JobCommand::Expire, now, job.kind)?;
    Ok(Version { action: Action::JobExpired, state })
}

fn after_step(
    job: &JobFacts,
    step: StepState,
    around: Surroundings,
    now: DateTime<Utc>,
) -> Result<Decision, Refused> {
    let mut decision = Decision { step, versions: Vec::new(), opens: None, cancels_siblings: false };
    let mut state = job.state.clone();
    let step_action = match &decision.step {
        StepState::Completed { .. } => Action::StepCompleted,
        StepState::Failed { .. } => Action::StepFailed,
        _ => Action::StepRetrying,
    };
    if !state.workable() {
        // It ran beside the job's course, and leaves the job where it is.
        decision.versions.push(Version { action: step_action, state });
        return Ok(decision);
    }
    let follow_up = match &decision.step {
        StepState::Completed { .. } if around.open_siblings > 0 => None,
        StepState::Completed { .. } => {
            decision.opens = around.next_phase;
            match around.next_phase {
                None => Some((JobCommand::Complete, Action::JobCompleted)),
                Some(_) if around.next_verifies => Some((JobCommand::Verify, Action::JobVerifying)),
                Some(_) => None,
            }
        }
        StepState::Failed { reason, .. } => {
            decision.cancels_siblings = true;
            Some((JobCommand::Fail(reason.clone()), Action::JobFailed))
        }
        _ => {
            // A job that already backs off stays so; any other says that it does.
            state = state.apply(&JobCommand::BackOff, now, job.kind).unwrap_or(state);
            None
        }
    };
    // Another step's failure may have moved the job to `retrying`; a step that ends is progress.
    if matches!(decision.step, StepState::Completed { .. })
        && let Ok(running) = state.apply(&JobCommand::Start, now, job.kind)
    {
        state = running;
    }
    decision.versions.push(Version { action: step_action, state: state.clone() });
    if let Some((command, action)) = follow_up {
        let state = state.apply(&command, now, job.kind).map_err(|_| Refused::State)?;
        decision.versions.push(Version { action, state });
    }
    Ok(decision)
}

#[cfg(test)]
mod erasing;
#[cfg(test)]
mod tests;
