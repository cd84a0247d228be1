//! What can be wrong with a row. No message carries a value: rows are personal data.

use thiserror::Error;

/// Why a row could not be encoded. Rows are counted from 1.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum EncodeError {
    /// The row has another number of cells than there are columns.
    #[error("row {row} has {found} cells where {expected} columns were described")]
    CellCount {
        /// The row's number.
        row: u64,
        /// How many cells it has.
        found: usize,
        /// How many columns were described.
        expected: usize,
    },
    /// The row is not UTF-8, as happens when the server's encoding is `SQL_ASCII`.
    #[error("row {row} is not valid UTF-8; the database's encoding must be UTF8 or convertible to it")]
    NotUtf8 {
        /// The row's number.
        row: u64,
    },
    /// A backslash is followed by something that COPY never writes.
    #[error("row {row} holds an escape sequence unknown to the COPY text format")]
    Escape {
        /// The row's number.
        row: u64,
    },
    /// The stream ended inside a row.
    #[error("the rows end in the middle of row {row}")]
    Truncated {
        /// The row's number.
        row: u64,
    },
    /// No column was described.
    #[error("a collection needs at least one column")]
    NoColumns,
}
