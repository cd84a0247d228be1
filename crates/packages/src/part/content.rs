//! What is known of a finished part, and where its bytes are.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

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

/// A finished part, in memory when it is small and in the store otherwise.
///
/// Not serialisable: its bytes are personal data. [`Part::into_stored`] gives what a step's result
/// may hold.
pub struct Part {
    content: Content,
    body: PartBody,
}

pub(crate) enum PartBody {
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
    pub(crate) const fn new(content: Content, body: PartBody) -> Self {
        Self { content, body }
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

    pub(crate) fn into_body(self) -> PartBody {
        self.body
    }
}

impl From<StoredPart> for Part {
    fn from(stored: StoredPart) -> Self {
        Self::new(stored.content, PartBody::Object(stored.key))
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
