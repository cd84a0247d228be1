//! Messages about a job that wait to be published.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Messages about a job that the broker has not taken yet, for longer than it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessagesWaitView {
    /// Since when the first of them waits.
    pub since: DateTime<Utc>,
    /// What that means and where to look.
    pub detail: String,
}
