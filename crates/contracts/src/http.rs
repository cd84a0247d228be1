//! The bodies of the HTTP API, shared by the service and its clients.

mod about;
mod audit;
mod encryption;
mod erasure;
mod events;
mod export;
mod exported;
mod found;
mod hold;
mod media;
mod messages;
mod outlives;
mod plan;
mod problem;
mod rehearsal;
mod secret_text;
mod step;
mod subject;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::job::PublicStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use about::{JobAboutView, JobScopeView};
pub use audit::{AuditEntry, AuditPage};
pub use encryption::{ByPassphrase, EncryptionBody, Passphrase, ToRecipients};
pub use erasure::{DeleteBody, SkipBody, SkipReason};
pub use events::{EndEvent, EventTicket, ProgressEvent};
pub use export::{ExportBody, Format};
pub use exported::ExportedView;
pub use found::{FoundView, LeftView, NotWaitedForView, OpenTransactionView, UndecidedView};
pub use hold::{
    ComparedView, ComparisonBody, DeferredJob, HeldCollection, HeldOrganisation, HeldPerson, HeldPersonView,
    HeldRows, HeldRowsView, HeldSubject, HeldSubjectView, HoldBody, HoldGround, HoldPage, HoldScopeBody,
    HoldScopeView, HoldView, Operator, ReleasedHold, RowsBody, RowsView,
};
pub use media::{MediaCounts, MediaView};
pub use messages::MessagesWaitView;
pub use outlives::LivePackageView;
pub use plan::{
    CollectionPlanView, EffectName, FieldPlanView, KeptColumnsView, ObjectsView, PlanView, RetainedRowsView,
    UnindexedView, UnprovenView,
};
pub use problem::{FieldError, Problem};
pub use rehearsal::{NotSampledView, OutsideTriggerView, RehearsalView};
pub use secret_text::SecretText;
pub use step::StepView;
pub use subject::{SubjectErasureBody, SubjectExportBody};

/// The `iss` of tokens that the command line makes on a developer's machine. Nobody else's tokens
/// can have it: an issuer is a URL, and this is none.
pub const DEVELOPMENT_ISSUER: &str = "lethe-development";
/// The `aud` of such tokens.
pub const DEVELOPMENT_AUDIENCE: &str = "lethe";

/// A status in the vocabulary of OpenDSR 2.0, and `failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not begun.
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

impl From<PublicStatus> for Status {
    fn from(status: PublicStatus) -> Self {
        match status {
            PublicStatus::Pending => Self::Pending,
            PublicStatus::InProgress => Self::InProgress,
            PublicStatus::Completed => Self::Completed,
            PublicStatus::Cancelled => Self::Cancelled,
            PublicStatus::Failed => Self::Failed,
        }
    }
}

/// A job in a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JobSummary {
    /// The job's id.
    pub id: Uuid,
    /// `export` or `erasure`.
    pub kind: String,
    /// The state: `scheduled`, `pending`, `running`, `retrying`, `completed`, `failed`, `cancelled`, `expired`, …
    pub state: String,
    /// The state in OpenDSR's vocabulary.
    pub status: Status,
    /// Grows by one with every audited change.
    pub version: i64,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// When it may begin, while it waits for its grace period to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<DateTime<Utc>>,
    /// What came of a job that is `completed`, where there is more to say: `nobody_found` when no row led to
    /// the person, so that nothing was exported or erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What the job is, whatever became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<JobAboutView>,
}

/// A page of jobs, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<JobSummary>,
    /// Where the next page begins; absent on the last.
    pub next_cursor: Option<String>,
}

/// A job with its progress and its history.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// What a list shows of it.
    #[serde(flatten)]
    pub summary: JobSummary,
    /// What was asked for.
    pub request: serde_json::Value,
    /// Until when rows are included, for collections with a time of creation.
    pub cutoff: Option<DateTime<Utc>>,
    /// Why it failed, and what to do next.
    pub failure: Option<FailureView>,
    /// What it waits for that happens elsewhere: the release of a legal hold, the end of transactions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<FailureView>,
    /// How far it is.
    pub progress: Progress,
    /// Set while messages about it wait for the broker, so that it may not get on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_wait: Option<MessagesWaitView>,
    /// The steps it was planned into.
    pub steps: Vec<StepView>,
    /// Every audited change so far, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// The package, once there is one; the first of several volumes.
    pub package: Option<PackageView>,
    /// Rows that it left because of legal holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retained: Vec<RetainedView>,
    /// What became of the media that rows name, step by step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<MediaView>,
    /// What the look at the end of an erasure found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<FoundView>,
    /// What an export holds and lacks, once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exported: Option<ExportedView>,
    /// Packages from before a completed erasure that may hold what it erased, and until when they can be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outlived_by: Vec<LivePackageView>,
    /// All its volumes, each a package complete in itself.
    #[serde(default)]
    pub packages: Vec<PackageView>,
    /// Whether what it wrote was cleared away, so that it cannot be taken up again. Not shown.
    #[serde(skip)]
    pub swept: bool,
    /// Where to go from here: `self`, `plan`, `cancel`, `retry`, `download`.
    pub links: BTreeMap<String, String>,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureView {
    /// A stable name.
    pub code: String,
    /// What happened and what to do next.
    pub detail: String,
}

/// How far a job is, in all and per collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// Rows read.
    pub rows_done: i64,
    /// Rows planned; of large collections an estimate until they have been read. Never less than `rows_done`.
    pub rows_planned: i64,
    /// Bytes written before compression.
    pub bytes_done: i64,
    /// Each collection in the order of the data map.
    pub collections: Vec<CollectionProgress>,
}

/// How far one collection is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CollectionProgress {
    /// `dataset.collection`.
    pub collection: String,
    /// Rows read.
    pub rows_done: i64,
    /// Rows planned; where there are many an estimate until they have been read. Never less than `rows_done`.
    pub rows_planned: i64,
    /// Bytes written before compression.
    pub bytes_done: i64,
}

/// Rows that an erasure left because of a legal hold (Art. 17(3)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetainedView {
    /// The hold.
    pub hold: Uuid,
    /// Its ground: `expression`, `legal_obligation`, `public_health`, `archiving` or `legal_claims`.
    pub ground: String,
    /// The collection.
    pub collection: String,
    /// How many rows.
    pub rows: i64,
    /// The job that erased them after the hold was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_by: Option<Uuid>,
}

/// One audited change of a job.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    /// The job's version from this change on; absent for events that change nothing, as a download.
    pub version: Option<i64>,
    /// What happened: `job.created`, `step.completed`, …
    pub action: String,
    /// `success` or `failure`; of a job that ended well because no row led to the person, `nobody_found`.
    pub outcome: String,
    /// The step it is about.
    pub step_no: Option<i32>,
    /// Who did it.
    pub actor: String,
    /// When.
    pub occurred_at: DateTime<Utc>,
}

/// A finished package.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PackageView {
    /// Which volume it is, from 1 on.
    #[serde(default = "first_volume")]
    pub volume_no: i32,
    /// The name it is saved under.
    pub file_name: String,
    /// Its size.
    pub size_bytes: i64,
    /// Its SHA-256 in hex.
    pub sha256: String,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// When it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

fn first_volume() -> i32 {
    1
}
