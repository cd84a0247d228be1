//! What the look at the end of an erasure found.

use chrono::{DateTime, Utc};
use domain::erasure::document::{LeftOver, NotWaitedFor, OpenAtCutoff, Undecided, VerifyResult};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::plan::KeptColumnsView;

/// What a look at the stores found after an erasure, by queries that share nothing with what erased. What
/// legal holds keep stands under `retained`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundView {
    /// Rows that are left and are no failure of this erasure, by collection and reason.
    pub left: Vec<LeftView>,
    /// Columns with personal data that stay as they are, because the data map says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptColumnsView>,
    /// Columns with personal data in collections to which nothing leads from the person's identity: rows of
    /// theirs were not looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreached: Vec<KeptColumnsView>,
    /// Columns of which nobody can tell whether a value was put back after the erasure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<UndecidedView>,
    /// What the owner did not want to wait for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_waited_for: Option<NotWaitedForView>,
}

/// Rows of one collection that are left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftView {
    /// The collection, as `dataset.collection`.
    pub collection: String,
    /// `shared`: they are of another person or organisation too. `referred`: a row that stays refers to
    /// them. `later`: they were made after the cutoff. `dangling`: they refer to a row that is gone.
    pub why: String,
    /// How many.
    pub rows: i64,
}

/// A column whose new values look like the old ones, in rows that somebody else wrote after the erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UndecidedView {
    /// The collection, as `dataset.collection`.
    pub collection: String,
    /// The column.
    pub column: String,
    /// In how many rows.
    pub rows: i64,
}

/// Transactions that were open at the cutoff and that nobody waited for: rows that they made may carry an
/// earlier time, and stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotWaitedForView {
    /// Why, by the name of the owner's reason.
    pub reason: String,
    /// Which they are.
    pub transactions: Vec<OpenTransactionView>,
}

/// A transaction that was open at the cutoff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenTransactionView {
    /// The server's process; absent for a prepared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// The role that has it open.
    pub role: String,
    /// Since when; absent where that may not be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
}

impl From<VerifyResult> for FoundView {
    fn from(VerifyResult { left, kept, unreached, undecided, not_waited_for, .. }: VerifyResult) -> Self {
        let undecided = undecided.into_iter().map(|Undecided { collection, column, rows }| UndecidedView {
            collection,
            column,
            rows,
        });
        Self {
            left: left.into_iter().map(LeftView::from).collect(),
            kept: kept.into_iter().map(KeptColumnsView::from).collect(),
            unreached: unreached.into_iter().map(KeptColumnsView::from).collect(),
            undecided: undecided.collect(),
            not_waited_for: not_waited_for.map(NotWaitedForView::from),
        }
    }
}

impl From<LeftOver> for LeftView {
    fn from(LeftOver { collection, why, rows }: LeftOver) -> Self {
        Self { collection, why, rows }
    }
}

impl From<NotWaitedFor> for NotWaitedForView {
    fn from(NotWaitedFor { reason, transactions }: NotWaitedFor) -> Self {
        let open = |OpenAtCutoff { pid, role, since }| OpenTransactionView { pid, role, since };
        Self { reason, transactions: transactions.into_iter().map(open).collect() }
    }
}
