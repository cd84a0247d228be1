//! Writes the archive to the store, entry by entry.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::output::Output;
use super::record::{DosTime, Entry, Method};
use crate::digest::Sha256Digest;
use crate::encrypt::Encryption;
use crate::error::PackageError;
use crate::key::ObjectKey;
use crate::part::{Extent, FINAL_BLOCK, JoinedFile, Part, PartWriter, Piece, compress_once, length};
use crate::store::PackageStore;

/// The level for what is compressed here: small texts, where size matters more than speed.
const LEVEL: u32 = 6;

/// A finished archive, fit for the result of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// The object.
    pub key: ObjectKey,
    /// Its length as it is stored, encrypted or not.
    pub size_bytes: u64,
    /// Its SHA-256, likewise.
    pub sha256: Sha256Digest,
    /// How many entries it has.
    pub entries: u64,
}

/// Puts an archive together, or one volume of several. It becomes visible under its key when
/// [`finish`](Self::finish) succeeds and not before; after an error, or to give up, call
/// [`abort`](Self::abort).
pub struct ArchiveWriter {
    pub(super) key: ObjectKey,
    modified: DosTime,
    pub(super) directory: Directory,
    pub(super) output: Output,
    /// The list of the media, once there are some.
    pub(super) listing: Option<PartWriter>,
}

impl ArchiveWriter {
    /// A writer for the object `key`, whose entries all bear the time `modified_at`: the same
    /// parts give the same archive, byte for byte.
    #[must_use]
    pub fn new(store: &PackageStore, key: ObjectKey, modified_at: DateTime<Utc>) -> Self {
        let (directory, output) = (Directory::default(), Output::new(store, &key));
        Self { key, modified: modified_at.into(), directory, output, listing: None }
    }

    /// As [`ArchiveWriter::new`], and the object is encrypted: no byte of it is stored in the clear,
    /// and never the same bytes twice.
    ///
    /// # Errors
    /// When the system gives no random numbers or no thread.
    pub async fn encrypted(
        store: &PackageStore,
        key: ObjectKey,
        modified_at: DateTime<Utc>,
        encryption: &Encryption,
    ) -> Result<Self, PackageError> {
        let output = Output::encrypted(store, &key, encryption).await?;
        Ok(Self { output, ..Self::new(store, key, modified_at) })
    }

    /// The same, for an archive that will be about so long: in a bucket, one of many GiB then needs
    /// less memory.
    #[must_use]
    pub fn expecting(mut self, size_bytes: u64) -> Self {
        self.output.expect(size_bytes);
        self
    }

    /// How many bytes were written so far, for whoever wants to see a long copy go on.
    #[must_use]
    pub fn watch(&self) -> Arc<AtomicU64> {
        self.output.watch()
    }

    /// Copies a part into the archive as the file `path`, without compressing again.
    ///
    /// # Errors
    /// When the path cannot be used or is taken, when the part is missing or of another length
    /// than recorded, or when the store fails.
    pub async fn add_part(&mut self, path: &str, part: impl Into<Part>) -> Result<(), PackageError> {
        let part = part.into();
        self.add_pieces(path, part.content().extent(), std::iter::once(part.piece())).await
    }

    /// Copies a file made of several parts into the archive as the file `path`, without
    /// compressing again.
    ///
    /// # Errors
    /// When the path cannot be used or is taken, when a part is missing or of another length than
    /// recorded, or when the store fails.
    pub async fn add_joined(&mut self, path: &str, file: &JoinedFile) -> Result<(), PackageError> {
        self.add_pieces(path, file.extent(), file.pieces()).await
    }

    async fn add_pieces(
        &mut self,
        path: &str,
        extent: Extent,
        pieces: impl Iterator<Item = Piece<'_>>,
    ) -> Result<(), PackageError> {
        self.begin(path, Method::Deflate, extent).await?;
        for piece in pieces {
            self.output.put(piece).await?;
        }
        self.output.write(&FINAL_BLOCK).await
    }

    /// Adds a short content that is at hand, for instance the manifest, as the file `path`.
    ///
    /// # Errors
    /// When the path cannot be used or is taken, or when the store fails.
    pub async fn add_bytes(&mut self, path: &str, content: &[u8]) -> Result<(), PackageError> {
        let mut deflated = Vec::new();
        // A few dozen bytes never become fewer.
        if content.len() > 64 {
            deflated = compress_once(content, LEVEL)?;
            deflated.extend_from_slice(&FINAL_BLOCK);
        }
        let (method, body) = match deflated.is_empty() || deflated.len() >= content.len() {
            true => (Method::Stored, content),
            false => (Method::Deflate, deflated.as_slice()),
        };
        let extent = Extent {
            uncompressed_bytes: length(content),
            archived_bytes: length(body),
            crc32: crc32fast::hash(content),
        };
        self.begin(path, method, extent).await?;
        self.output.write(body).await
    }

    /// Writes the list of the media, when there are some, and the directory, and makes the archive
    /// visible.
    ///
    /// # Errors
    /// When the store fails; nothing is then visible.
    pub async fn finish(mut self) -> Result<Archive, PackageError> {
        let entries = match self.close().await {
            Ok(entries) => entries,
            Err(error) => {
                self.abort().await;
                return Err(error);
            }
        };
        let (size_bytes, sha256) = self.output.finish().await?;
        Ok(Archive { key: self.key, size_bytes, sha256, entries })
    }

    /// Gives up and removes what was uploaded.
    pub async fn abort(self) {
        if let Some(listing) = self.listing {
            listing.abort().await;
        }
        self.output.abort().await;
    }

    async fn begin(&mut self, path: &str, method: Method, extent: Extent) -> Result<(), PackageError> {
        self.directory.check(path)?;
        let entry = Entry { path: path.to_owned(), method, extent, offset: self.output.written_bytes() };
        self.output.write(&entry.local_header(self.modified)).await?;
        self.directory.push(&entry, self.modified);
        Ok(())
    }

    async fn close(&mut self) -> Result<u64, PackageError> {
        self.close_listing().await?;
        let directory = std::mem::take(&mut self.directory);
        let entries = directory.entries();
        let records = directory.close(self.output.written_bytes());
        self.output.write(&records).await?;
        Ok(entries)
    }
}

impl std::fmt::Debug for ArchiveWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArchiveWriter")
            .field("key", &self.key)
            .field("entries", &self.directory.entries())
            .finish_non_exhaustive()
    }
}
