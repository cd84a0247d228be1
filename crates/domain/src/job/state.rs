//! The life of a job: the whole of it in one match.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::kind::JobKind;
use super::reason::FailureReason;

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// Waits for a second person.
    AwaitingApproval,
    /// Waits for its grace period to end; can be taken back.
    Scheduled {
        /// When it may begin.
        not_before: DateTime<Utc>,
    },
    /// Accepted; no worker has begun.
    Pending,
    /// Workers are at it.
    Running,
    /// A step failed and will be tried again.
    Retrying,
    /// Stopped by a legal hold or by an operator, until released.
    OnHold,
    /// The work is done; an independent look at the result is under way.
    Verifying,
    /// Done.
    Completed {
        /// Since when.
        at: DateTime<Utc>,
    },
    /// Ended without its result.
    Failed {
        /// Since when.
        at: DateTime<Utc>,
        /// Why.
        reason: FailureReason,
    },
    /// Called off.
    Cancelled {
        /// Since when.
        at: DateTime<Utc>,
    },
    /// Was completed; its package has been deleted since.
    Expired {
        /// Since when.
        at: DateTime<Utc>,
    },
}

/// Something that happens to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobCommand {
    /// The second person agreed.
    Approve,
    /// The grace period may have ended.
    Release,
    /// A worker claimed a step.
    Start,
    /// A step failed and will be tried again.
    BackOff,
    /// A legal hold or an operator stops it.
    Hold,
    /// The hold is lifted.
    Unhold,
    /// The last working phase ended and a verifying one begins.
    Verify,
    /// The last step ended well.
    Complete,
    /// A step failed for good.
    Fail(FailureReason),
    /// The owner calls it off.
    Cancel,
    /// The owner wants a failed job tried again.
    Retry,
    /// Its package has been deleted.
    Expire,
}

/// A command that the state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {state} cannot {command}")]
pub struct IllegalTransition {
    /// The state's name.
    pub state: &'static str,
    /// The command's name.
    pub command: &'static str,
}

impl JobState {
    /// The state after `command`, or why it is not allowed.
    ///
    /// # Errors
    /// [`IllegalTransition`] when the command has no meaning in this state.
    pub fn apply(
        &self,
        command: &JobCommand,
        now: DateTime<Utc>,
        kind: JobKind,
    ) -> Result<Self, IllegalTransition> {
        use JobCommand as C;
        Ok(match (self, command) {
            (Self::AwaitingApproval | Self::OnHold, C::Approve | C::Unhold) if self.releases(command) => {
                Self::Pending
            }
            (Self::Scheduled { not_before }, C::Release) if now >= *not_before => Self::Pending,
            (Self::Pending | Self::Retrying, C::Start) => Self::Running,
            (Self::Running | Self::Verifying, C::BackOff) => Self::Retrying,
            (
                Self::Scheduled { .. } | Self::Pending | Self::Running | Self::Retrying | Self::Verifying,
                C::Hold,
            ) => Self::OnHold,
            (Self::Running, C::Verify) => Self::Verifying,
            (Self::Running | Self::Verifying, C::Complete) => Self::Completed { at: now },
            (
                Self::Pending | Self::Running | Self::Retrying | Self::OnHold | Self::Verifying,
                C::Fail(reason),
            ) => Self::Failed { at: now, reason: reason.clone() },
            (Self::AwaitingApproval | Self::Scheduled { .. } | Self::OnHold | Self::Pending, C::Cancel) => {
                Self::Cancelled { at: now }
            }
            // Whether anything was changed by then the state does not say; the law asks.
            (Self::Running | Self::Retrying, C::Cancel) => Self::Cancelled { at: now },
            (Self::Verifying, C::Cancel) if kind.cancellable_once_begun() => Self::Cancelled { at: now },
            (Self::Failed { .. }, C::Retry) => Self::Pending,
            (Self::Completed { .. }, C::Expire) => Self::Expired { at: now },
            (state, command) => {
                return Err(IllegalTransition { state: state.name(), command: command.name() });
            }
        })
    }

    fn releases(&self, command: &JobCommand) -> bool {
        matches!(
            (self, command),
            (Self::AwaitingApproval, JobCommand::Approve) | (Self::OnHold, JobCommand::Unhold)
        )
    }

    /// The name in the database and in the API.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::AwaitingApproval => "awaiting_approval",
            Self::Scheduled { .. } => "scheduled",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::OnHold => "on_hold",
            Self::Verifying => "verifying",
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
            Self::Expired { .. } => "expired",
        }
    }

    /// Every name, for filters and for the database's own table of transitions.
    pub const NAMES: [&'static str; 11] = [
        "awaiting_approval",
        "scheduled",
        "pending",
        "running",
        "retrying",
        "on_hold",
        "verifying",
        "completed",
        "failed",
        "cancelled",
        "expired",
    ];

    /// Whether steps may be claimed.
    #[must_use]
    pub fn workable(&self) -> bool {
        matches!(self, Self::Pending | Self::Running | Self::Retrying | Self::Verifying)
    }

    /// Whether nothing more will happen unless somebody asks for it.
    #[must_use]
    pub fn ended(&self) -> bool {
        matches!(
            self,
            Self::Completed { .. } | Self::Failed { .. } | Self::Cancelled { .. } | Self::Expired { .. }
        )
    }

    /// The status in the vocabulary of OpenDSR 2.0, which has no more than these.
    #[must_use]
    pub fn public_status(&self) -> PublicStatus {
        match self {
            Self::AwaitingApproval | Self::Scheduled { .. } | Self::Pending | Self::OnHold => {
                PublicStatus::Pending
            }
            Self::Running | Self::Retrying | Self::Verifying => PublicStatus::InProgress,
            Self::Completed { .. } | Self::Expired { .. } => PublicStatus::Completed,
            Self::Cancelled { .. } => PublicStatus::Cancelled,
            Self::Failed { .. } => PublicStatus::Failed,
        }
    }
}

/// A job's status for other systems: OpenDSR's four, and `failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublicStatus {
    /// Not begun; can be called off.
    Pending,
    /// Under way.
    InProgress,
    /// Done.
    Completed,
    /// Called off.
    Cancelled,
    /// Ended without its result.
    Failed,
}

impl JobCommand {
    /// The verb used in errors.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Approve => "be approved",
            Self::Release => "be released",
            Self::Start => "start",
            Self::BackOff => "back off",
            Self::Hold => "be held",
            Self::Unhold => "be taken off hold",
            Self::Verify => "be verified",
            Self::Complete => "complete",
            Self::Fail(_) => "fail",
            Self::Cancel => "be cancelled",
            Self::Retry => "be retried",
            Self::Expire => "expire",
        }
    }
}
