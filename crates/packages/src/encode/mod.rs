//! Turns rows of PostgreSQL's `COPY … TO STDOUT` (text format) into JSON records and CSV lines.
//!
//! Bytes in, bytes out: no value is ever parsed into a Rust type, so numbers keep every digit and
//! text keeps every character. It knows nothing of SQL, files or compression.

mod cell;
mod column;
mod csv;
mod error;
mod frame;
mod json;
mod row;
mod scan;
mod timestamp;

pub(crate) use cell::{BadEscape, NULL, unescape};
pub use column::{Column, Format, Formats, ValueKind};
pub use error::EncodeError;
pub use frame::{Frame, Framing};
pub use row::{EncodedRows, Outputs, RowEncoder};
