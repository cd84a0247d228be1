//! The bodies of the event stream of a job, shared by the service and its clients.
//!
//! The events are `progress` ([`ProgressEvent`]), `change` ([`TimelineEntry`](super::TimelineEntry))
//! and `end` ([`EndEvent`]). Their ids are `<version>.<n>`: the version of the job that the stream
//! has told of, and a number that grows between two versions.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{FailureView, Progress, Status};

/// How far a job is, and how fast it gets on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProgressEvent {
    /// The job's state.
    pub state: String,
    /// The state in OpenDSR's vocabulary.
    pub status: Status,
    /// The job's version.
    pub version: i64,
    /// Rows and bytes, in all and per collection.
    #[serde(flatten)]
    pub progress: Progress,
    /// Rows a second, over the last seconds.
    pub rows_per_second: i64,
    /// Bytes a second before compression, over the last seconds.
    pub bytes_per_second: i64,
    /// When the planned rows will have been read at this rate; absent when that cannot be told.
    pub estimated_end_at: Option<DateTime<Utc>>,
}

/// The job has ended; the last event of its stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndEvent {
    /// The job's id.
    pub id: Uuid,
    /// The state it ended in.
    pub state: String,
    /// The state in OpenDSR's vocabulary.
    pub status: Status,
    /// What came of it, where there is more to say than its state: `nobody_found`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The job's version.
    pub version: i64,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it failed, and what to do next.
    pub failure: Option<FailureView>,
    /// Where to go from here: `self`, `retry`, `download`.
    pub links: BTreeMap<String, String>,
}

/// Opens the event stream of one job for those who cannot send a header.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventTicket {
    /// For the parameter `ticket` of the stream.
    pub ticket: String,
    /// Until when a stream can be opened with it.
    pub expires_at: DateTime<Utc>,
    /// The path of the stream, with the ticket.
    pub url: String,
}

/// Whoever has the ticket has the stream, so it is not shown.
impl fmt::Debug for EventTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventTicket").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
