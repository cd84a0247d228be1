//! The audit log, page by page.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{JobAboutView, MediaCounts};

/// One entry of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// The position in the log; without gaps over all organisations.
    pub seq: i64,
    /// The event's id.
    pub event_id: Uuid,
    /// What was done.
    pub action: String,
    /// `success` or `failure`; of a job that ended well because no row led to the person, `nobody_found`.
    pub outcome: String,
    /// Who did it.
    pub actor: String,
    /// In which role.
    pub actor_role: String,
    /// The job it is about.
    pub job_id: Option<Uuid>,
    /// The job's version that it explains.
    pub job_version: Option<i64>,
    /// The step it is about.
    pub step_no: Option<i32>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When the log received it.
    pub recorded_at: DateTime<Utc>,
    /// Why a step was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The legal hold it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_id: Option<Uuid>,
    /// How many rows a completed step erased or exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<i64>,
    /// What became of the objects that a completed step deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaCounts>,
    /// What the job is; absent from entries of earlier versions, and where no job is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<JobAboutView>,
}

/// A page of the audit log, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; absent on the last.
    pub next_cursor: Option<String>,
}
