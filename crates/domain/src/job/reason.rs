//! Why a step or a job failed, in words that are safe to show.

use serde::{Deserialize, Serialize};

/// A failure's reason: a stable code and a sentence for people.
///
/// Both are written by our own code and must never hold personal data: no value of a row, no
/// server message that could quote one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReason {
    /// A stable name such as `store_unreachable`.
    pub code: String,
    /// What happened and what to do next.
    pub detail: String,
}

impl FailureReason {
    /// The code of an erasure that found something left: it is tried again by a further pass.
    pub const NOT_ERASED: &'static str = "not_erased";

    /// A reason of that code.
    #[must_use]
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        Self { code: code.to_owned(), detail: detail.into() }
    }

    /// The reason of a step whose worker went silent too often.
    #[must_use]
    pub fn lapsed() -> Self {
        Self::new("worker_lost", "the worker stopped answering while it ran this step; see the worker's log")
    }
}

impl std::fmt::Display for FailureReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}
