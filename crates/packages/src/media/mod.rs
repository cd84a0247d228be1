//! Media: objects of the organisation's own bucket, on their way into `media/` of the archive.
//!
//! Steps that do not see each other read them into [`MediaSegment`]s, which
//! [`ArchiveWriter::add_segment`](crate::ArchiveWriter::add_segment) copies. Objects up to a few
//! MiB are laid end to end in one object of the store, each behind its ZIP header; a larger one is
//! compressed into an object of its own. So length and CRC-32 of every entry are known when its
//! header is written, and an object whose source breaks off leaves no trace. An index beside each
//! segment says what it holds.

mod held;
mod path;
mod segment;
mod writer;

pub use path::media_path;
pub(crate) use segment::{IndexReader, MediaLine, Place};
pub use segment::{MediaObject, MediaSegment};
pub use writer::MediaWriter;
