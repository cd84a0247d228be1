//! The messages that travel over the broker.

use chrono::{DateTime, Utc};
use domain::audit::{Action, Outcome};
use domain::erasure::document::MediaResult;
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::{JobAbout, JobOutcome, SkipReason};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A message is a type with a name and a version.
pub trait Message: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name in the envelope and in the broker's `type` property.
    const KIND: &'static str;
    /// The version; grows when a reader of the old one would be misled.
    const VERSION: u16;
}

/// What every message has around its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// The message's identity: a repeated delivery has the same.
    pub id: Uuid,
    /// The body's kind.
    pub kind: String,
    /// The body's version.
    pub version: u16,
    /// When it was written to the outbox.
    pub sent_at: DateTime<Utc>,
    /// What it says.
    pub body: T,
}

impl<T: Message> Envelope<T> {
    /// Puts a body into its envelope.
    #[must_use]
    pub fn new(id: Uuid, sent_at: DateTime<Utc>, body: T) -> Self {
        Self { id, kind: T::KIND.to_owned(), version: T::VERSION, sent_at, body }
    }
}

/// A step may be claimed. A hint: the row decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepDue {
    /// The job.
    pub job_id: JobId,
    /// The step in it.
    pub step_no: StepNo,
}

impl Message for StepDue {
    const KIND: &'static str = "step.due";
    const VERSION: u16 = 1;
}

/// Something that the audit log must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// Whose data it is about.
    pub organisation_id: OrganisationId,
    /// Who did it: the subject of a token, or a service's name. Never a person's name or address.
    pub actor: String,
    /// In which role: one of the roles of people, or `service`.
    pub actor_role: String,
    /// What was done.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// The job, if it is about one.
    pub job_id: Option<JobId>,
    /// The job's version that this event explains; each version has exactly one event.
    pub job_version: Option<i64>,
    /// The step, if it is about one.
    pub step_no: Option<StepNo>,
    /// When it happened, by the control database's clock.
    pub occurred_at: DateTime<Utc>,
    /// The trace it belongs to, in hex.
    pub trace_id: Option<String>,
    /// Why an owner did without a step, or without what it waited for. Unknown to version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<SkipReason>,
    /// The legal hold, if it is about one. Unknown to version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_id: Option<Uuid>,
    /// How many rows a completed step erased or exported; absent where it was not about rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<i64>,
    /// What became of the objects that a completed step deleted; absent where it was not about media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaResult>,
    /// What came of a job that ended well, where there is more to say than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_outcome: Option<JobOutcome>,
    /// What the job is; absent from events that no job is about, and from those of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<JobAbout>,
}

impl AuditEvent {
    /// How it ended, in one word: what came of its job where there is more to say than that it ended well.
    #[must_use]
    pub fn outcome_name(&self) -> &'static str {
        self.job_outcome.map_or(self.outcome.name(), JobOutcome::name)
    }
}

impl Message for AuditEvent {
    const KIND: &'static str = "audit.event";
    const VERSION: u16 = 2;
}
