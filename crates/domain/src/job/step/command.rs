//! What can happen to a step.

use chrono::{DateTime, TimeDelta, Utc};

use super::Lease;
use crate::job::reason::FailureReason;

/// Something that happens to a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepCommand {
    /// Its phase begins, or its job is tried again.
    Open,
    /// Its job is tried again, but an earlier phase comes first.
    Reset,
    /// A worker asks for it.
    Claim(Lease),
    /// The holder is still at it.
    Renew {
        /// The holder's epoch.
        epoch: i64,
        /// The new end of the lease.
        until: DateTime<Utc>,
    },
    /// The holder finished.
    Complete {
        /// The holder's epoch.
        epoch: i64,
    },
    /// The holder failed; trying again may help.
    BackOff {
        /// The holder's epoch.
        epoch: i64,
        /// Why.
        reason: FailureReason,
        /// How long it is left alone at least, because somebody has asked for that.
        at_least: TimeDelta,
    },
    /// The holder failed; trying again cannot help.
    Fail {
        /// The holder's epoch.
        epoch: i64,
        /// Why.
        reason: FailureReason,
    },
    /// The holder can do nothing before something else has happened, and gives the step back for a while.
    Wait {
        /// The holder's epoch.
        epoch: i64,
        /// For what it waits.
        reason: FailureReason,
        /// After what time it may be claimed again.
        again_in: TimeDelta,
    },
    /// It is not to wait any longer.
    EndWait,
    /// The holder is shutting down and gives the step back unharmed.
    Release {
        /// The holder's epoch.
        epoch: i64,
    },
    /// The lease may have run out.
    Lapse,
    /// The job was called off or failed.
    Cancel,
    /// The owner wants the next attempt now.
    Hurry,
    /// The owner does without it.
    Skip,
}
