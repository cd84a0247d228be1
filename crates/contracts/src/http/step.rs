//! A step of a job, as it is shown with it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::FailureView;

/// One step of a job.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    /// Its number in the job.
    pub step_no: i32,
    /// The phase it belongs to.
    pub phase: i32,
    /// Which pass over the rows it belongs to, where it is not the first: an erasure that found something
    /// left and is tried again is planned once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<i32>,
    /// What it does.
    pub kind: String,
    /// The collection it works on.
    pub collection: Option<String>,
    /// `waiting`, `due`, `running`, `completed`, `failed` or `cancelled`.
    pub state: String,
    /// How often it was started.
    pub attempts: i32,
    /// Why the last attempt failed.
    pub failure: Option<FailureView>,
    /// What it waits for, which is no failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<FailureView>,
    /// When it is tried next, or looks again, while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<DateTime<Utc>>,
    /// Why the owner did without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_reason: Option<String>,
    /// Why the owner did without what it waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived_reason: Option<String>,
    /// Where to go from here: `retry` and `skip`, where they are possible.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, String>,
    /// When it was last started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}
