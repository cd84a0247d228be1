//! The central directory as it grows: the records as they will be written, and the paths taken.

use std::collections::HashSet;

use super::name::objection;
use super::record::{DosTime, Entry, end_records};
use crate::error::PackageError;

/// An archive may have a million entries, so their records are kept in the form in which they are
/// written and their paths as fingerprints.
#[derive(Default)]
pub(super) struct Directory {
    records: Vec<u8>,
    entries: u64,
    paths: PathSet,
}

/// Paths, of which only a fingerprint is kept.
#[derive(Debug, Default)]
pub(crate) struct PathSet(HashSet<u128>);

impl PathSet {
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.0.contains(&fingerprint(path))
    }

    pub(crate) fn insert(&mut self, path: &str) {
        self.0.insert(fingerprint(path));
    }
}

/// Half a SHA-256: no two paths of one archive share it, not even two made for the purpose.
fn fingerprint(path: &str) -> u128 {
    let digest = crate::digest::Sha256Digest::of(path.as_bytes());
    let half = digest.as_bytes().first_chunk();
    u128::from_le_bytes(half.copied().unwrap_or_default())
}

impl Directory {
    pub(super) const fn entries(&self) -> u64 {
        self.entries
    }

    /// Whether `path` can be that of the next entry.
    pub(super) fn check(&self, path: &str) -> Result<(), PackageError> {
        let taken = || self.paths.contains(path).then_some("it is taken");
        match objection(path).or_else(taken) {
            Some(reason) => Err(PackageError::EntryPath { path: path.to_owned(), reason }),
            None => Ok(()),
        }
    }

    pub(super) fn push(&mut self, entry: &Entry, modified: DosTime) {
        self.paths.insert(&entry.path);
        entry.push_central(modified, &mut self.records);
        self.entries += 1;
    }

    /// The directory, which begins at `offset`, and what ends the archive.
    pub(super) fn close(self, offset: u64) -> Vec<u8> {
        let mut records = self.records;
        let end = end_records(self.entries, crate::part::length(&records), offset);
        records.extend_from_slice(&end);
        records
    }
}
