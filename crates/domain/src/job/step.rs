//! The life of a step, with the fence that keeps a worker back from the dead out.

mod command;

use chrono::{DateTime, TimeDelta, Utc};

use super::policy::Policy;
use super::reason::FailureReason;

pub use command::StepCommand;

/// The right to run a step for a while.
///
/// `epoch` is the fencing token: it grows with every claim, so that whoever holds an older one can
/// be told apart from the present holder without asking either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The claim's number, counted from 1 for each step.
    pub epoch: i64,
    /// The worker, for people.
    pub owner: String,
    /// When the right ends unless renewed, by the control database's clock.
    pub expires_at: DateTime<Utc>,
}

/// Why a step that was begun before is due again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pause {
    /// The last attempt failed, for this reason.
    Failed(FailureReason),
    /// It waits for this, which is no failure and was no attempt.
    Waits(FailureReason),
}

impl Pause {
    /// What people are told.
    #[must_use]
    pub fn reason(&self) -> &FailureReason {
        match self {
            Self::Failed(reason) | Self::Waits(reason) => reason,
        }
    }
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    /// Its phase has not begun.
    Waiting,
    /// May be claimed from `not_before` on.
    Due {
        /// How often it was started before.
        attempts: u32,
        /// From when.
        not_before: DateTime<Utc>,
        /// Why it is due again; nothing when it was not begun, or given back.
        pause: Option<Pause>,
    },
    /// A worker is at it.
    Running {
        /// How often it was started, this time included.
        attempts: u32,
        /// The worker's right.
        lease: Lease,
    },
    /// Done.
    Completed {
        /// Since when.
        at: DateTime<Utc>,
    },
    /// Failed for good.
    Failed {
        /// Since when.
        at: DateTime<Utc>,
        /// Why.
        reason: FailureReason,
    },
    /// Called off with its job.
    Cancelled {
        /// Since when.
        at: DateTime<Utc>,
    },
}

/// Why a step refuses a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its time has not come.
    #[error("the step is not due yet")]
    NotDue,
    /// Somebody else is at it and alive.
    #[error("the step is held by a worker whose lease is alive")]
    Held,
    /// The asker's claim is not the present one: it lost the step meanwhile.
    #[error("the step is no longer held under this epoch")]
    Fenced,
    /// The reason is none for which a step of this kind is done without.
    #[error("the reason does not fit a step of this kind")]
    Reason,
    /// It has ended, or has not begun.
    #[error("the step's state does not allow this")]
    State,
}

impl StepState {
    /// The state after `command`, or why the step refuses it.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    pub fn apply(&self, command: &StepCommand, now: DateTime<Utc>, policy: &Policy) -> Result<Self, Refused> {
        use StepCommand as C;
        match command {
            C::Open => match self {
                Self::Waiting | Self::Failed { .. } | Self::Cancelled { .. } => Ok(Self::due(0, now, None)),
                _ => Err(Refused::State),
            },
            C::Reset => match self {
                Self::Waiting | Self::Failed { .. } | Self::Cancelled { .. } => Ok(Self::Waiting),
                _ => Err(Refused::State),
            },
            C::Claim(lease) => self.claim(lease, now),
            C::Renew { epoch, until } => {
                let (attempts, lease) = self.held_under(*epoch)?;
                let expires_at = lease.expires_at.max(*until);
                Ok(Self::Running { attempts, lease: Lease { expires_at, ..lease.clone() } })
            }
            C::Complete { epoch } => self.held_under(*epoch).map(|_| Self::Completed { at: now }),
            C::BackOff { epoch, reason, at_least } => {
                let (attempts, _) = self.held_under(*epoch)?;
                Ok(Self::after_failure((attempts, *at_least), reason, now, policy))
            }
            C::Fail { epoch, reason } => {
                self.held_under(*epoch).map(|_| Self::Failed { at: now, reason: reason.clone() })
            }
            C::Wait { epoch, reason, again_in } => {
                let (attempts, _) = self.held_under(*epoch)?;
                let pause = Some(Pause::Waits(reason.clone()));
                Ok(Self::due(attempts.saturating_sub(1), now + *again_in, pause))
            }
            C::Release { epoch } => {
                self.held_under(*epoch).map(|(attempts, _)| Self::due(attempts.saturating_sub(1), now, None))
            }
            C::Lapse => match self {
                Self::Running { attempts, lease } if now >= lease.expires_at => {
                    let attempts = (*attempts, TimeDelta::zero());
                    Ok(Self::after_failure(attempts, &FailureReason::lapsed(), now, policy))
                }
                Self::Running { .. } => Err(Refused::Held),
                _ => Err(Refused::State),
            },
            C::Cancel => match self {
                Self::Waiting | Self::Due { .. } | Self::Running { .. } => Ok(Self::Cancelled { at: now }),
                _ => Err(Refused::State),
            },
            C::Hurry => self.hurried(now),
            C::EndWait => self.wait_ended(now),
            C::Skip => match self {
                Self::Due { .. } => Ok(Self::Completed { at: now }),
                Self::Running { .. } => Err(Refused::Held),
                _ => Err(Refused::State),
            },
        }
    }

    fn due(attempts: u32, not_before: DateTime<Utc>, pause: Option<Pause>) -> Self {
        Self::Due { attempts, not_before, pause }
    }

    fn claim(&self, lease: &Lease, now: DateTime<Utc>) -> Result<Self, Refused> {
        match self {
            Self::Due { attempts, not_before, .. } if now >= *not_before => {
                Ok(Self::Running { attempts: attempts.saturating_add(1), lease: lease.clone() })
            }
            Self::Due { .. } => Err(Refused::NotDue),
            Self::Running { .. } => Err(Refused::Held),
            _ => Err(Refused::State),
        }
    }

    fn hurried(&self, now: DateTime<Utc>) -> Result<Self, Refused> {
        match self {
            Self::Due { attempts, not_before, pause: Some(pause) } => {
                Ok(Self::due(*attempts, now.min(*not_before), Some(pause.clone())))
            }
            Self::Running { .. } => Err(Refused::Held),
            _ => Err(Refused::State),
        }
    }

    fn wait_ended(&self, now: DateTime<Utc>) -> Result<Self, Refused> {
        match self {
            Self::Due { attempts, not_before, pause: Some(Pause::Waits(_)) } => {
                Ok(Self::due(*attempts, now.min(*not_before), None))
            }
            Self::Running { .. } => Err(Refused::Held),
            _ => Err(Refused::State),
        }
    }

    fn held_under(&self, epoch: i64) -> Result<(u32, &Lease), Refused> {
        match self {
            Self::Running { attempts, lease } if lease.epoch == epoch => Ok((*attempts, lease)),
            _ => Err(Refused::Fenced),
        }
    }

    fn after_failure(
        (attempts, at_least): (u32, TimeDelta),
        reason: &FailureReason,
        now: DateTime<Utc>,
        policy: &Policy,
    ) -> Self {
        if attempts >= policy.max_attempts {
            Self::Failed { at: now, reason: reason.clone() }
        } else {
            let not_before = now + policy.wait(attempts, at_least);
            Self::due(attempts, not_before, Some(Pause::Failed(reason.clone())))
        }
    }

    /// The name in the database and in the API.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Due { .. } => "due",
            Self::Running { .. } => "running",
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// Whether it waits for something else to happen, which is no failure.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(self, Self::Due { pause: Some(Pause::Waits(_)), .. })
    }

    /// Whether the step has yet to end.
    #[must_use]
    pub fn open(&self) -> bool {
        matches!(self, Self::Waiting | Self::Due { .. } | Self::Running { .. })
    }
}

#[cfg(test)]
mod tests;
