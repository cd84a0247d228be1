//! The ZIP archive that is handed out, put together from parts that are compressed already.
//!
//! Own writer: every entry's size and CRC-32 are known before its first byte, so entries carry
//! them in their header and need no trailing data descriptor, which the ZIP crates always write
//! when streaming and some readers refuse. Source: PKWARE APPNOTE.TXT 6.3.10.

mod directory;
mod media;
mod name;
mod output;
mod record;
mod stem;
mod volume;
mod writer;

pub(crate) use directory::PathSet;
pub use media::MEDIA_INDEX_PATH;
pub(crate) use record::{DosTime, Entry, Method};
pub use stem::{FileStem, entry_name};
pub use volume::{Footprint, volumes};
pub use writer::{Archive, ArchiveWriter};
