//! Writes the archive to the store, entry by entry.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::name::objection;
use super::record::{DosTime, Entry, Method, end_records};
use crate::digest::Sha256Digest;
use crate::error::PackageError;
use crate::key::ObjectKey;
use crate::part::{FINAL_BLOCK, Part, PartBody, compress_once};
use crate::store::{PackageStore, Upload};

/// The level for what is compressed here: small texts, where size matters more than speed.
const LEVEL: u32 = 6;
/// How much of the central directory is written at a time.
const DIRECTORY_BYTES: usize = 64 * 1024;

/// A finished archive, fit for the result of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// The object.
    pub key: ObjectKey,
    /// Its length.
    pub size_bytes: u64,
    /// Its SHA-256.
    pub sha256: Sha256Digest,
    /// How many entries it has.
    pub entries: u64,
}

/// Puts an archive together. It becomes visible under its key when [`finish`](Self::finish)
/// succeeds and not before; after an error, or to give up, call [`abort`](Self::abort).
pub struct ArchiveWriter {
    store: PackageStore,
    key: ObjectKey,
    modified: DosTime,
    entries: Vec<Entry>,
    paths: HashSet<String>,
    output: Output,
}

/// The upload, with what is known of everything that went into it.
struct Output {
    upload: Upload,
    written_bytes: u64,
    sha256: Sha256,
}

impl ArchiveWriter {
    /// A writer for the object `key`, whose entries all bear the time `modified_at`: the same
    /// parts give the same archive, byte for byte.
    #[must_use]
    pub fn new(store: &PackageStore, key: ObjectKey, modified_at: DateTime<Utc>) -> Self {
        Self {
            store: store.clone(),
            modified: modified_at.into(),
            entries: Vec::new(),
            paths: HashSet::new(),
            output: Output { upload: store.upload(&key), written_bytes: 0, sha256: Sha256::new() },
            key,
        }
    }

    /// Copies a part into the archive as the file `path`, without compressing again.
    ///
    /// # Errors
    /// When the path cannot be used or is taken, when the part is missing or of another length
    /// than recorded, or when the store fails.
    pub async fn add_part(&mut self, path: &str, part: impl Into<Part>) -> Result<(), PackageError> {
        let part = part.into();
        let content = *part.content();
        let final_block = u64::try_from(FINAL_BLOCK.len()).unwrap_or(0);
        let entry = Entry {
            path: path.to_owned(),
            method: Method::Deflate,
            crc32: content.crc32,
            compressed_bytes: content.compressed_bytes + final_block,
            uncompressed_bytes: content.uncompressed_bytes,
            offset: self.output.written_bytes,
        };
        self.begin(entry).await?;
        match part.into_body() {
            PartBody::Memory(bytes) => self.output.write(&bytes).await?,
            PartBody::Object(key) => self.copy(&key, content.compressed_bytes).await?,
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
        let entry = Entry {
            path: path.to_owned(),
            method,
            crc32: crc32fast::hash(content),
            compressed_bytes: length(body),
            uncompressed_bytes: length(content),
            offset: self.output.written_bytes,
        };
        self.begin(entry).await?;
        self.output.write(body).await
    }

    /// Writes the directory and makes the archive visible.
    ///
    /// # Errors
    /// When the store fails; nothing is then visible.
    pub async fn finish(mut self) -> Result<Archive, PackageError> {
        if let Err(error) = self.write_directory().await {
            self.abort().await;
            return Err(error);
        }
        let archive = Archive {
            key: self.key,
            size_bytes: self.output.written_bytes,
            sha256: self.output.sha256.finalize().into(),
            entries: count(&self.entries),
        };
        self.output.upload.finish().await?;
        Ok(archive)
    }

    /// Gives up and removes what was uploaded.
    pub async fn abort(self) {
        self.output.upload.abort().await;
    }

    async fn begin(&mut self, entry: Entry) -> Result<(), PackageError> {
        let taken = || self.paths.contains(&entry.path).then_some("it is taken");
        if let Some(reason) = objection(&entry.path).or_else(taken) {
            return Err(PackageError::EntryPath { path: entry.path, reason });
        }
        self.output.write(&entry.local_header(self.modified)).await?;
        self.paths.insert(entry.path.clone());
        self.entries.push(entry);
        Ok(())
    }

    async fn copy(&mut self, key: &ObjectKey, expected: u64) -> Result<(), PackageError> {
        let wrong_length = |found| PackageError::PartLength { key: key.clone(), found, expected };
        let mut part = self.store.get(key, None).await?;
        if part.size_bytes != expected {
            return Err(wrong_length(part.size_bytes));
        }
        let start = self.output.written_bytes;
        while let Some(chunk) = part.chunks.try_next().await? {
            self.output.write(&chunk).await?;
        }
        match self.output.written_bytes - start {
            copied if copied == expected => Ok(()),
            copied => Err(wrong_length(copied)),
        }
    }

    async fn write_directory(&mut self) -> Result<(), PackageError> {
        let offset = self.output.written_bytes;
        let mut records = Vec::new();
        for entry in &self.entries {
            entry.push_central(self.modified, &mut records);
            if records.len() >= DIRECTORY_BYTES {
                self.output.write(&records).await?;
                records.clear();
            }
        }
        self.output.write(&records).await?;
        let size = self.output.written_bytes - offset;
        let end = end_records(count(&self.entries), size, offset);
        self.output.write(&end).await
    }
}

impl Output {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), PackageError> {
        self.sha256.update(bytes);
        self.written_bytes += length(bytes);
        self.upload.write(bytes).await
    }
}

impl std::fmt::Debug for ArchiveWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArchiveWriter")
            .field("key", &self.key)
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn count(entries: &[Entry]) -> u64 {
    u64::try_from(entries.len()).unwrap_or(u64::MAX)
}
