//! What one event means for a step and its job together.
//!
//! The store locks the job's row, then the step's, hands the facts in, and writes exactly what
//! comes back, in one transaction: states, one audit event per new version, announcements.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::audit::Action;

use super::PublicStatus;
use super::kind::{JobKind, Phase, StepKind};
use super::policy::Policy;
use super::reason::FailureReason;
use super::state::{IllegalTransition, JobCommand, JobState};
use super::step::{Lease, Refused, StepCommand, StepState};

pub use owner::{Again, Retried, cancel, retry, retry_step, skip_step};

mod owner;

/// The facts about a job that a decision needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFacts {
    /// Its kind.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// Whether a step of it was begun that does not precede all changes, so that something may have changed.
    pub begun: bool,
}

impl JobFacts {
    /// The status in the vocabulary of OpenDSR 2.0. One that was put on hold after it had begun is under
    /// way.
    #[must_use]
    pub fn public_status(&self) -> PublicStatus {
        match self.state {
            JobState::OnHold if self.begun => PublicStatus::InProgress,
            _ => self.state.public_status(),
        }
    }
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
    /// Whether a legal hold of the organisation was released while the step ran.
    pub hold_released: bool,
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
    /// Failed, and whoever was asked wants to be left alone for so long; trying again after that may help.
    PutOff(FailureReason, Duration),
    /// Failed; trying again cannot help.
    Permanent(FailureReason),
    /// It can do nothing before something else has happened; it looks again after a pause. No attempt.
    Waiting(FailureReason),
    /// A legal hold stands in the way; its job is put on hold until one is released. No attempt.
    OnHold(FailureReason),
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
    let claimed = step.state.apply(&StepCommand::Claim(lease), now, policy)?;
    let mut versions = Vec::new();
    if let Ok(state) = job.state.apply(&JobCommand::Start, now, job.kind) {
        // After a failure or a hold, a job whose result is looked at again says so again.
        let verifying = state.apply(&JobCommand::Verify, now, job.kind).ok().filter(|_| step.kind.verifies());
        versions.push(Version { action: Action::JobStarted, state });
        versions.extend(verifying.map(|state| Version { action: Action::JobVerifying, state }));
    }
    Ok(quiet(claimed, versions))
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
    use Conclusion as C;
    let (epoch, conclusion) = report;
    let policy = policy.of(step.kind);
    let ends = matches!(&conclusion, C::Completed | C::Retryable(_) | C::PutOff(..) | C::Permanent(_));
    let pause = policy.wait_pause;
    // A step beside the job's course puts nothing on hold.
    let stops = job.kind.obeys_holds() && (job.state.workable() || job.state == JobState::OnHold);
    let holds = matches!(&conclusion, C::OnHold(_)) && stops && !around.hold_released;
    let command = match conclusion {
        C::Completed => StepCommand::Complete { epoch },
        C::Retryable(reason) => StepCommand::BackOff { epoch, reason, at_least: TimeDelta::zero() },
        C::PutOff(reason, wait) => {
            let at_least = TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
            StepCommand::BackOff { epoch, reason, at_least }
        }
        C::Permanent(reason) => StepCommand::Fail { epoch, reason },
        C::OnHold(reason) if holds => StepCommand::Wait { epoch, reason, again_in: TimeDelta::zero() },
        // It may have been the hold that stood in the way: nobody would take the job off hold again.
        C::OnHold(_) if around.hold_released => StepCommand::Release { epoch },
        C::Waiting(reason) | C::OnHold(reason) => StepCommand::Wait { epoch, reason, again_in: pause },
        C::Released => StepCommand::Release { epoch },
    };
    let state = step.state.apply(&command, now, &policy)?;
    if !step.kind.ends_in(&job.state) {
        return Err(Refused::Fenced);
    }
    if ends {
        return after_step(job, state, around, now);
    }
    // Another step may have put it on hold before.
    let held = if holds { put_on_hold(job, now) } else { None };
    Ok(quiet(state, held.into_iter().collect()))
}

fn put_on_hold(job: &JobFacts, now: DateTime<Utc>) -> Option<Version> {
    let state = job.state.apply(&JobCommand::Hold, now, job.kind).ok()?;
    Some(Version { action: Action::JobOnHold, state })
}

/// A decision that moves the job's course no further.
fn quiet(step: StepState, versions: Vec<Version>) -> Decision {
    Decision { step, versions, opens: None, cancels_siblings: false }
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
    let around =
        Surroundings { open_siblings: 0, next_phase: None, next_verifies: false, hold_released: false };
    after_step(job, step, around, now)
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

/// A legal hold of the organisation was released: its jobs that are on hold look again.
///
/// # Errors
/// [`IllegalTransition`] when the job is not on hold.
pub fn resume(job: &JobFacts, now: DateTime<Utc>) -> Result<Version, IllegalTransition> {
    let state = job.state.apply(&JobCommand::Unhold, now, job.kind)?;
    Ok(Version { action: Action::JobResumed, state })
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
    let mut decision = quiet(step, Vec::new());
    let mut state = job.state.clone();
    let on_hold = state == JobState::OnHold;
    let step_action = match &decision.step {
        StepState::Completed { .. } => Action::StepCompleted,
        StepState::Failed { .. } => Action::StepFailed,
        _ => Action::StepRetrying,
    };
    if !state.workable() && !on_hold {
        // It ran beside the job's course, and leaves the job where it is.
        decision.versions.push(Version { action: step_action, state });
        return Ok(decision);
    }
    let follow_up = match &decision.step {
        StepState::Completed { .. } if around.open_siblings > 0 => None,
        StepState::Completed { .. } => {
            decision.opens = around.next_phase;
            match around.next_phase {
                // The step that put it on hold is open, so this is not the job's last one.
                _ if on_hold => None,
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
