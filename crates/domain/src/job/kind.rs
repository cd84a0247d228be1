//! What kinds of jobs and steps there are.

use serde::{Deserialize, Serialize};

/// The kind of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Everything of one organisation, packed for download (Art. 15, 20).
    Export,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 1] = [Self::Export];

    /// The name in the database, in messages and in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Export => "export",
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
        }
    }

    /// Whether a job that has begun can still be cancelled.
    ///
    /// An export changes nothing, so it can be stopped at any time. Erasure will not be.
    #[must_use]
    pub fn cancellable_once_started(self) -> bool {
        match self {
            Self::Export => true,
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
}

impl StepKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::PlanExport,
        Self::ExportWhole,
        Self::ExportCollection,
        Self::ExportMedia,
        Self::JoinCollection,
        Self::AssembleArchive,
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
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it looks at a result independently, so that its job is `verifying` meanwhile.
    #[must_use]
    pub fn verifies(self) -> bool {
        match self {
            Self::PlanExport
            | Self::ExportWhole
            | Self::ExportCollection
            | Self::ExportMedia
            | Self::JoinCollection
            | Self::AssembleArchive => false,
        }
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
