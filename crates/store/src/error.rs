//! What can go wrong with the control database.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::passing::passes;

/// A failed transaction on the control database. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection could be had.
    #[error("the control database cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A statement failed.
    #[error("a statement on the control database failed")]
    Query(#[from] DieselError),
    /// The settings are wrong.
    #[error("control database: {0}")]
    Config(String),
    /// A row holds what no version of this program writes.
    #[error("the control database holds a row that cannot be read: {0}")]
    Corrupt(String),
    /// A message could not be encoded.
    #[error("a message could not be encoded")]
    Encode(#[from] rmp_serde::encode::Error),
    /// The migrations could not be run.
    #[error("the migrations could not be run: {0}")]
    Migration(String),
}

impl StoreError {
    /// Whether the same transaction may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Query(error) => passes(error),
            Self::Config(_) | Self::Corrupt(_) | Self::Encode(_) | Self::Migration(_) => false,
        }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }
}

/// Whether an error says that a unique index of that name refused a row.
pub(crate) fn violates(error: &DieselError, index: &str) -> bool {
    matches!(
        error,
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)
            if info.constraint_name() == Some(index)
    )
}
