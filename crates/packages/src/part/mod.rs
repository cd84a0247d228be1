//! A part: the compressed content of one file, ready to be copied into an archive.
//!
//! A part is a raw DEFLATE stream that ends on a byte boundary without a final block, so parts can
//! be laid end to end; [`ArchiveWriter`](crate::ArchiveWriter) writes the final block. The CRC-32
//! of parts laid end to end follows from theirs; a SHA-256 does not. A [`JoinedFile`] lays parts end
//! to end, with the text between them as stored blocks.

mod block;
mod content;
mod inflate;
mod joined;
mod read;
mod spare;
mod writer;

pub(crate) use block::{compress_once, length, push_stored};
pub(crate) use content::Extent;
pub use content::{Content, Part, StoredPart};
pub use joined::JoinedFile;
pub(crate) use joined::Piece;
pub(crate) use read::ExactRead;
pub use writer::{PartOptions, PartWriter};

/// The final block of a DEFLATE stream: last, fixed codes, end at once (RFC 1951, 3.2.3).
pub(crate) const FINAL_BLOCK: [u8; 2] = [0x03, 0x00];
/// Its length, as figures count it.
pub(crate) const FINAL_BLOCK_BYTES: u64 = 2;
