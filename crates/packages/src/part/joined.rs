//! A file made of parts that different steps wrote, put together without compressing again.

use std::iter;

use serde::{Deserialize, Serialize};

use super::FINAL_BLOCK_BYTES;
use super::block::{length, stored_bytes};
use super::content::{Content, Extent, StoredPart};
use crate::digest::Sha256Digest;
use crate::encode::Frame;
use crate::key::ObjectKey;

/// A file out of stored parts: fragments in a [`Frame`], or one part that is a whole file.
///
/// Its text stands in the DEFLATE stream as stored blocks, between the parts as they are. Length
/// and CRC-32 follow from what is recorded of the parts; only the SHA-256 needs
/// [reading](Self::digest) them. Keys and figures, no content: fit for the result of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedFile {
    #[serde(default)]
    pub(super) frame: Frame,
    pub(super) parts: Vec<StoredPart>,
}

/// A stretch of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece<'a> {
    /// Text that is not compressed.
    Text(&'a str),
    /// Compressed bytes at hand.
    Memory(&'a [u8]),
    /// An object full of compressed bytes.
    Object { key: &'a ObjectKey, size_bytes: u64 },
}

impl JoinedFile {
    /// The file that holds the rows of these fragments, in this order.
    #[must_use]
    pub fn new(frame: Frame, fragments: impl IntoIterator<Item = StoredPart>) -> Self {
        // Nothing separates a fragment without rows from its neighbours.
        let parts = fragments.into_iter().filter(|part| part.content.uncompressed_bytes > 0).collect();
        Self { frame, parts }
    }

    /// How many records it holds.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.content.rows).sum()
    }

    /// Its length.
    #[must_use]
    pub fn uncompressed_bytes(&self) -> u64 {
        self.extent().uncompressed_bytes
    }

    /// How many bytes its entry of an archive holds.
    #[must_use]
    pub fn archived_bytes(&self) -> u64 {
        self.extent().archived_bytes
    }

    /// Its figures, as the manifest wants them, once the SHA-256 is known.
    #[must_use]
    pub fn content(&self, sha256: Sha256Digest) -> Content {
        let Extent { uncompressed_bytes, archived_bytes, crc32 } = self.extent();
        let compressed_bytes = archived_bytes - FINAL_BLOCK_BYTES;
        Content { rows: self.rows(), uncompressed_bytes, compressed_bytes, crc32, sha256 }
    }

    /// Cuts the file between parts into files that are complete in themselves and whose entries
    /// hold at most `limit_bytes` each. A part that is larger stays whole.
    #[must_use]
    pub fn split(&self, limit_bytes: u64) -> Vec<Self> {
        let empty = Self { frame: self.frame.clone(), parts: Vec::new() };
        let mut files = Vec::new();
        let (mut file, mut file_bytes) = (empty.clone(), 0);
        for part in &self.parts {
            let more_bytes = stored_bytes(self.frame.separator.as_bytes()) + part.content.compressed_bytes;
            if !file.parts.is_empty() && file_bytes + more_bytes > limit_bytes {
                files.push(std::mem::replace(&mut file, empty.clone()));
            }
            file.parts.push(part.clone());
            file_bytes = match file.parts.len() {
                1 => file.archived_bytes(),
                _ => file_bytes + more_bytes,
            };
        }
        files.push(file);
        files
    }

    pub(crate) fn extent(&self) -> Extent {
        let mut crc32 = crc32fast::Hasher::new();
        let (mut uncompressed_bytes, mut archived_bytes) = (0, FINAL_BLOCK_BYTES);
        for stretch in self.stretches() {
            match stretch {
                Stretch::Text(text) => {
                    crc32.update(text.as_bytes());
                    uncompressed_bytes += length(text.as_bytes());
                    archived_bytes += stored_bytes(text.as_bytes());
                }
                Stretch::Part(StoredPart { content, .. }) => {
                    let part =
                        crc32fast::Hasher::new_with_initial_len(content.crc32, content.uncompressed_bytes);
                    crc32.combine(&part);
                    uncompressed_bytes += content.uncompressed_bytes;
                    archived_bytes += content.compressed_bytes;
                }
            }
        }
        Extent { uncompressed_bytes, archived_bytes, crc32: crc32.finalize() }
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.stretches().map(|stretch| match stretch {
            Stretch::Text(text) => Piece::Text(text),
            Stretch::Part(StoredPart { key, content }) => {
                Piece::Object { key, size_bytes: content.compressed_bytes }
            }
        })
    }

    /// The part, when the file is nothing but one.
    pub(super) fn as_whole(&self) -> Option<&StoredPart> {
        match self.parts.as_slice() {
            [part] if self.frame == Frame::default() => Some(part),
            _ => None,
        }
    }

    pub(super) fn stretches(&self) -> impl Iterator<Item = Stretch<'_>> {
        let Frame { prologue, lead, separator, epilogue } = &self.frame;
        let leads = iter::once(lead).chain(iter::repeat(separator));
        let parts = self.parts.iter().zip(leads);
        let parts = parts.flat_map(|(part, lead)| [Stretch::Text(lead), Stretch::Part(part)]);
        iter::once(Stretch::Text(prologue)).chain(parts).chain(iter::once(Stretch::Text(epilogue)))
    }
}

/// A stretch of a joined file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stretch<'a> {
    Text(&'a str),
    Part(&'a StoredPart),
}

/// A part that is a whole file.
impl From<StoredPart> for JoinedFile {
    fn from(part: StoredPart) -> Self {
        Self { frame: Frame::default(), parts: vec![part] }
    }
}
