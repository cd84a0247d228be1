//! A segment of media, and the index that says what it holds.

use bytes::Buf as _;
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use memchr::memchr;
use serde::{Deserialize, Serialize};

use crate::archive::{Entry, Footprint, Method};
use crate::digest::Sha256Digest;
use crate::error::PackageError;
use crate::key::ObjectKey;
use crate::part::Extent;
use crate::store::{ObjectStream, PackageStore};

/// Media that were read and wait for their archive. Keys and figures, no content: fit for the
/// result of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaSegment {
    /// The object with the smaller media, there when there are any.
    pub(crate) key: ObjectKey,
    /// Its length.
    pub(crate) held_bytes: u64,
    /// The object that says what is where, one line each.
    pub(crate) index_key: ObjectKey,
    /// The time that the entries bear.
    pub(crate) modified_at: DateTime<Utc>,
    /// How many media objects it has.
    pub objects: u64,
    /// Their lengths together.
    pub size_bytes: u64,
    /// The room that they take in an archive, their lines in the list of the media included.
    pub footprint: Footprint,
}

/// A media object as the list in the archive shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaObject {
    /// Its path in the archive.
    pub path: String,
    /// The collection that refers to it.
    pub collection: String,
    /// Its key in the organisation's bucket.
    pub key: String,
    /// Its length.
    pub size_bytes: u64,
    /// The SHA-256 of its content.
    pub sha256: Sha256Digest,
}

/// A line of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MediaLine {
    pub(crate) object: MediaObject,
    pub(crate) method: Method,
    pub(crate) archived_bytes: u64,
    pub(crate) crc32: u32,
    pub(crate) place: Place,
}

/// Where an object's bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// In the segment, behind a header that begins here.
    Held { offset: u64 },
    /// Compressed, in an object of their own.
    Apart { key: ObjectKey, size_bytes: u64 },
}

impl MediaLine {
    /// The entry, which begins where it does in the segment.
    pub(crate) fn entry(&self) -> Entry {
        let extent = Extent {
            uncompressed_bytes: self.object.size_bytes,
            archived_bytes: self.archived_bytes,
            crc32: self.crc32,
        };
        let offset = match self.place {
            Place::Held { offset } => offset,
            Place::Apart { .. } => 0,
        };
        Entry { path: self.object.path.clone(), method: self.method, extent, offset }
    }
}

/// Reads an index line by line.
pub(crate) struct IndexReader {
    key: ObjectKey,
    stream: ObjectStream,
    /// What was read and not yet given out.
    read: Vec<u8>,
    /// How many lines there must still be.
    expected: u64,
}

impl IndexReader {
    pub(crate) async fn open(store: &PackageStore, segment: &MediaSegment) -> Result<Self, PackageError> {
        let key = segment.index_key.clone();
        let stream = store.get(&key, None).await?;
        Ok(Self { key, stream, read: Vec::new(), expected: segment.objects })
    }

    pub(crate) async fn next(&mut self) -> Result<Option<MediaLine>, PackageError> {
        let mut searched = 0;
        loop {
            let unsearched = self.read.get(searched..).unwrap_or_default();
            if let Some(at) = memchr(b'\n', unsearched) {
                let line: Vec<u8> = self.read.drain(..=searched + at).collect();
                self.expected = self.expected.checked_sub(1).ok_or_else(|| self.damaged())?;
                return serde_json::from_slice(&line).map(Some).map_err(|_| self.damaged());
            }
            searched = self.read.len();
            match self.stream.chunks.try_next().await? {
                Some(chunk) => self.read.extend_from_slice(chunk.chunk()),
                None if self.read.is_empty() && self.expected == 0 => return Ok(None),
                None => return Err(self.damaged()),
            }
        }
    }

    fn damaged(&self) -> PackageError {
        PackageError::Damaged { key: self.key.clone(), reason: "is not the index of media that was written" }
    }
}
