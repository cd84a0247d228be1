//! What an erasure does to one column.

use serde::{Deserialize, Serialize};

use crate::anonymise::TokenForm;
use crate::datamap::Strategy;

/// What is done to a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The column.
    pub column: String,
    /// By which strategy; its [`effect`](Strategy::effect) is what the law calls the outcome.
    pub strategy: Strategy,
    /// Which tokens it gives, if it gives any.
    #[serde(default)]
    pub token: TokenForm,
}

impl FieldChange {
    /// A change by a strategy that gives no tokens, or before it is decided which.
    #[must_use]
    pub fn new(column: impl Into<String>, strategy: Strategy) -> Self {
        Self { column: column.into(), strategy, token: TokenForm::default() }
    }
}
