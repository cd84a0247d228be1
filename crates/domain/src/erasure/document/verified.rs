//! What the look at the end of an erasure has found, as its step keeps it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::KeptColumns;

/// What an independent look found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyResult {
    /// Rows changed or deleted in all, by the journals of the stores.
    pub rows: i64,
    /// Rows that were left, by collection and reason. What legal holds keep is kept by the control
    /// database itself.
    pub left: Vec<LeftOver>,
    /// Columns with personal data that stay as they are, because the data map says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptColumns>,
    /// Columns with personal data in collections to which nothing leads from the person's identity: rows of
    /// theirs were not looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreached: Vec<KeptColumns>,
    /// Columns of which nobody can tell whether a value was put back after the erasure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<Undecided>,
    /// What the owner did not want to wait for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_waited_for: Option<NotWaitedFor>,
}

/// A column whose new values look like the old ones, in rows that somebody else wrote after the erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undecided {
    /// The collection as `dataset.collection`.
    pub collection: String,
    /// The column.
    pub column: String,
    /// In how many rows.
    pub rows: i64,
}

/// Transactions that were open at the cutoff, and that a job did not wait for: rows that they make may
/// carry an earlier time and stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotWaitedFor {
    /// Why, by the name of the owner's reason.
    pub reason: String,
    /// Which they are.
    pub transactions: Vec<OpenAtCutoff>,
}

/// A transaction that was open at the cutoff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAtCutoff {
    /// The server's process; none for a prepared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// Who has it open.
    pub role: String,
    /// Since when; unknown where the role that asks may not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
}

/// Rows of one collection that were left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOver {
    /// The collection as `dataset.collection`.
    pub collection: String,
    /// `shared`: they are of another person or organisation too. `referred`: a row that stays refers
    /// to them. `later`: they were made after the erasure was planned, and are a matter for another one.
    /// `dangling`: they came meanwhile, or stay by plan, and refer to a row that is gone.
    pub why: String,
    /// How many.
    pub rows: i64,
}
