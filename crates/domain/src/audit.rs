//! The vocabulary of the audit log: a closed list of actions and outcomes, no free text.

use serde::{Deserialize, Serialize};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A request was accepted.
    JobCreated,
    /// A worker took up a job.
    JobStarted,
    /// A step ended well.
    StepCompleted,
    /// A step failed or its worker was lost, and will be tried again.
    StepRetrying,
    /// A step failed for good.
    StepFailed,
    /// The result is being looked at independently.
    JobVerifying,
    /// A job ended well.
    JobCompleted,
    /// A job ended without its result.
    JobFailed,
    /// The owner called a job off.
    JobCancelled,
    /// The owner had a failed job tried again.
    JobRetried,
    /// A job's package was deleted because its time was over.
    JobExpired,
    /// A job's grace period was over, and it may begin.
    JobReleased,
    /// A legal hold stands in the way of what a job has yet to do.
    JobOnHold,
    /// A legal hold was released, and a job that was on hold looks again.
    JobResumed,
    /// The owner had a step that failed tried again at once.
    StepRetried,
    /// The owner did without a step that waited for others, or without what a step waited for.
    StepSkipped,
    /// A legal hold was placed.
    HoldPlaced,
    /// A legal hold was released.
    HoldReleased,
    /// A signed link to a package was handed out.
    LinkIssued,
    /// A package was downloaded.
    PackageDownloaded,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 20] = [
        Self::JobCreated,
        Self::JobStarted,
        Self::StepCompleted,
        Self::StepRetrying,
        Self::StepFailed,
        Self::JobVerifying,
        Self::JobCompleted,
        Self::JobFailed,
        Self::JobCancelled,
        Self::JobRetried,
        Self::JobExpired,
        Self::JobReleased,
        Self::JobOnHold,
        Self::JobResumed,
        Self::StepRetried,
        Self::StepSkipped,
        Self::HoldPlaced,
        Self::HoldReleased,
        Self::LinkIssued,
        Self::PackageDownloaded,
    ];

    /// The name in the log: the aggregate, a dot, what happened to it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::JobCreated => "job.created",
            Self::JobStarted => "job.started",
            Self::StepCompleted => "step.completed",
            Self::StepRetrying => "step.retrying",
            Self::StepFailed => "step.failed",
            Self::JobVerifying => "job.verifying",
            Self::JobCompleted => "job.completed",
            Self::JobFailed => "job.failed",
            Self::JobCancelled => "job.cancelled",
            Self::JobRetried => "job.retried",
            Self::JobExpired => "job.expired",
            Self::JobReleased => "job.released",
            Self::JobOnHold => "job.on_hold",
            Self::JobResumed => "job.resumed",
            Self::StepRetried => "step.retried",
            Self::StepSkipped => "step.skipped",
            Self::HoldPlaced => "hold.placed",
            Self::HoldReleased => "hold.released",
            Self::LinkIssued => "link.issued",
            Self::PackageDownloaded => "package.downloaded",
        }
    }

    /// The action of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// How the action ended.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::StepFailed | Self::JobFailed | Self::StepRetrying => Outcome::Failure,
            _ => Outcome::Success,
        }
    }
}

/// How an audited action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As intended.
    Success,
    /// Not as intended.
    Failure,
}

impl Outcome {
    /// The name in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}
