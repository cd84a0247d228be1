//! What is known of a finished part, and where its bytes are.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::FINAL_BLOCK_BYTES;
use super::joined::Piece;
use crate::digest::Sha256Digest;
use crate::error::PackageError;
use crate::key::ObjectKey;
use crate::store::PackageStore;

/// The figures of a file's content. Holds nothing of the content itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// How many records it holds.
    pub rows: u64,
    /// Its length.
    pub uncompressed_bytes: u64,
    /// The length of its DEFLATE stream without the final block.
    pub compressed_bytes: u64,
    /// Its CRC-32 as ZIP wants it.
    pub crc32: u32,
    /// Its SHA-256.
    pub sha256: Sha256Digest,
}

impl Content {
    /// How many bytes its entry of an archive holds: the DEFLATE stream with its final block.
    #[must_use]
    pub const fn archived_bytes(&self) -> u64 {
        self.compressed_bytes + FINAL_BLOCK_BYTES
    }

    pub(crate) const fn extent(&self) -> Extent {
        Extent {
            uncompressed_bytes: self.uncompressed_bytes,
            archived_bytes: self.archived_bytes(),
            crc32: self.crc32,
        }
    }
}

/// What a ZIP header says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) uncompressed_bytes: u64,
    pub(crate) archived_bytes: u64,
    pub(crate) crc32: u32,
}

/// A finished part, in memory when it is small and in the store otherwise.
///
/// Not serialisable: its bytes are personal data. [`Part::into_stored`] gives what a step's result
/// may hold.
pub struct Part {
    content: Content,
    body: PartBody,
}

enum PartBody {
    Memory(Bytes),
    Object(ObjectKey),
}

/// A part in the store: figures and a key, fit for the result of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPart {
    /// The object that holds it.
    pub key: ObjectKey,
    /// Its figures.
    #[serde(flatten)]
    pub content: Content,
}

impl Part {
    pub(super) const fn in_memory(content: Content, compressed: Bytes) -> Self {
        Self { content, body: PartBody::Memory(compressed) }
    }

    /// The figures of its content.
    #[must_use]
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// Makes sure that the part is in the store: one in memory is written under `key`, one that
    /// is there already stays where it is.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn into_stored(self, store: &PackageStore, key: ObjectKey) -> Result<StoredPart, PackageError> {
        let key = match self.body {
            PartBody::Object(key) => key,
            PartBody::Memory(bytes) => {
                store.put(&key, bytes).await?;
                key
            }
        };
        Ok(StoredPart { key, content: self.content })
    }

    /// Its compressed bytes, to be put into an archive.
    pub(crate) fn piece(&self) -> Piece<'_> {
        match &self.body {
            PartBody::Memory(bytes) => Piece::Memory(bytes),
            PartBody::Object(key) => Piece::Object { key, size_bytes: self.content.compressed_bytes },
        }
    }
}

impl From<StoredPart> for Part {
    fn from(stored: StoredPart) -> Self {
        Self { content: stored.content, body: PartBody::Object(stored.key) }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut part = f.debug_struct("Part");
        part.field("content", &self.content);
        match &self.body {
            PartBody::Memory(_) => part.field("body", &"memory"),
            PartBody::Object(key) => part.field("body", &key.as_str()),
        };
        part.finish()
    }
}
