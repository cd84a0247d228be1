//! What kinds of jobs and steps there are.

use serde::{Deserialize, Serialize};

use super::skip::SkipReason;
use super::state::JobState;

/// The kind of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Everything of one organisation, or of one person in it, packed for download (Art. 15, 20).
    Export,
    /// The personal data of one organisation, or of one person in it, erased (Art. 17).
    Erasure,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Export, Self::Erasure];

    /// The name in the database, in messages and in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Erasure => "erasure",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The step that plans a job of this kind.
    #[must_use]
    pub fn planning_step(self) -> StepKind {
        match self {
            Self::Export => StepKind::PlanExport,
            Self::Erasure => StepKind::PlanErasure,
        }
    }

    /// Whether a legal hold can put a job of this kind on hold.
    #[must_use]
    pub fn obeys_holds(self) -> bool {
        match self {
            Self::Export => false,
            Self::Erasure => true,
        }
    }

    /// Whether a job that may have changed something can still be cancelled.
    ///
    /// An export changes nothing, so it can be stopped at any time. An erasure whose first step that
    /// writes was begun is brought to its end: half of one helps nobody.
    #[must_use]
    pub fn cancellable_once_begun(self) -> bool {
        match self {
            Self::Export => true,
            Self::Erasure => false,
        }
    }
}

/// The kind of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Checks the data map against the store, counts, and writes down the other steps.
    PlanExport,
    /// Reads every collection in one transaction and writes the whole archive: for small exports.
    ExportWhole,
    /// Reads one collection, or one key range of it, and writes it as compressed parts.
    ExportCollection,
    /// Copies the media objects that one collection names.
    ExportMedia,
    /// Forms the files of a collection that was read in key ranges.
    JoinCollection,
    /// Puts the parts together into the archive.
    AssembleArchive,
    /// Marks the organisation as deleted while its grace period runs.
    SoftDelete,
    /// Takes that mark away again after the erasure was called off.
    Restore,
    /// Checks what stands in the way, fixes the rows, and writes down the other steps.
    PlanErasure,
    /// Revokes the OAuth tokens of one collection at their providers, then erases them.
    RevokeTokens,
    /// Deletes the media objects that one collection names.
    DeleteMedia,
    /// Anonymises, deletes or unlinks rows of one collection.
    EraseRows,
    /// Looks for what is left, by queries of its own.
    VerifyErasure,
}

impl StepKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::PlanExport,
        Self::ExportWhole,
        Self::ExportCollection,
        Self::ExportMedia,
        Self::JoinCollection,
        Self::AssembleArchive,
        Self::SoftDelete,
        Self::Restore,
        Self::PlanErasure,
        Self::RevokeTokens,
        Self::DeleteMedia,
        Self::EraseRows,
        Self::VerifyErasure,
    ];

    /// The name in the database and in the timeline.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PlanExport => "plan_export",
            Self::ExportWhole => "export_whole",
            Self::ExportCollection => "export_collection",
            Self::ExportMedia => "export_media",
            Self::JoinCollection => "join_collection",
            Self::AssembleArchive => "assemble_archive",
            Self::SoftDelete => "soft_delete",
            Self::Restore => "restore",
            Self::PlanErasure => "plan_erasure",
            Self::RevokeTokens => "revoke_tokens",
            Self::DeleteMedia => "delete_media",
            Self::EraseRows => "erase_rows",
            Self::VerifyErasure => "verify_erasure",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it reads the rows it was planned for, all of them, so that once it has ended the plan can
    /// be put right by what there was.
    #[must_use]
    pub fn reads_rows(self) -> bool {
        matches!(self, Self::ExportWhole | Self::ExportCollection)
    }

    /// Whether it plans its job.
    #[must_use]
    pub fn plans(self) -> bool {
        matches!(self, Self::PlanExport | Self::PlanErasure)
    }

    /// Whether it comes before anything is changed for good: while no other step of an erasure was begun, the
    /// whole of it can be called off.
    #[must_use]
    pub fn precedes_changes(self) -> bool {
        match self {
            Self::PlanExport | Self::SoftDelete | Self::Restore | Self::PlanErasure => true,
            Self::ExportWhole
            | Self::ExportCollection
            | Self::ExportMedia
            | Self::JoinCollection
            | Self::AssembleArchive
            | Self::RevokeTokens
            | Self::DeleteMedia
            | Self::EraseRows
            | Self::VerifyErasure => false,
        }
    }

    /// Whether it looks at a result independently, so that its job is `verifying` meanwhile.
    #[must_use]
    pub fn verifies(self) -> bool {
        self == Self::VerifyErasure
    }

    /// Whether it waits for others for as long as it takes: a provider that is down must not fail an
    /// erasure. Its failures are shown, and the owner may skip it with a reason.
    #[must_use]
    pub fn patient(self) -> bool {
        self == Self::RevokeTokens
    }

    /// For which reasons an owner may do without it, or, where it verifies, without what it waits for;
    /// none for most kinds.
    #[must_use]
    pub fn skip_reasons(self) -> &'static [SkipReason] {
        match self {
            Self::RevokeTokens => &[
                SkipReason::ProviderClosed,
                SkipReason::TokensExpired,
                SkipReason::RevokedElsewhere,
                SkipReason::RiskAccepted,
            ],
            Self::VerifyErasure => &[SkipReason::RiskAccepted, SkipReason::TransactionHarmless],
            Self::PlanExport
            | Self::ExportWhole
            | Self::ExportCollection
            | Self::ExportMedia
            | Self::JoinCollection
            | Self::AssembleArchive
            | Self::SoftDelete
            | Self::Restore
            | Self::PlanErasure
            | Self::DeleteMedia
            | Self::EraseRows => &[],
        }
    }

    /// Whether it is run while its job stands like this. Two kinds do their work beside the job's own
    /// course and do not move it: one while the grace period runs, one after the job was called off.
    #[must_use]
    pub fn runs_in(self, job: &JobState) -> bool {
        match self {
            Self::SoftDelete => job.workable() || matches!(job, JobState::Scheduled { .. }),
            Self::Restore => matches!(job, JobState::Cancelled { .. }),
            _ => job.workable(),
        }
    }

    /// Whether its end counts while its job stands like this. A job that is put on hold lets the steps
    /// that run come to their end: what they have done is done.
    #[must_use]
    pub fn ends_in(self, job: &JobState) -> bool {
        self.runs_in(job) || (*job == JobState::OnHold && self != Self::Restore)
    }
}

/// The position of a phase in its job; planning is phase 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phase(pub i32);

impl Phase {
    /// The phase in which a job is planned.
    pub const PLANNING: Self = Self(0);
}
