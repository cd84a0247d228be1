//! The ZIP archive that is handed out, put together from parts that are compressed already.
//!
//! Own writer: every entry's size and CRC-32 are known before its first byte, so entries carry
//! them in their header and need no trailing data descriptor, which the ZIP crates always write
//! when streaming and some readers refuse. Source: PKWARE APPNOTE.TXT 6.3.10.

mod name;
mod record;
mod writer;

pub use name::entry_name;
pub use writer::{Archive, ArchiveWriter};
