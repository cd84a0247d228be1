//! Where objects lie: `organisations/<hash>/jobs/<job>/<step>-<epoch>/…`.
//!
//! A step that is run again has a higher epoch and so a folder of its own: two workers that
//! believe to hold the same step never write the same object, and what the loser left behind is
//! found under the job's prefix. The organisation appears as a hash, because keys end up in logs
//! and invoices of the storage provider.

use std::fmt;

use object_store::path::Path;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::digest::Sha256Digest;
use crate::encode::Format;

/// The key of one object, relative to the root of the store: ASCII letters, digits, `-`, `_` and
/// `.` in segments separated by `/`. Such keys need no encoding in any URL or file system.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectKey(String);

/// A text is not an object key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not an object key; expected segments of ASCII letters, digits, '-', '_' and '.' separated by '/'"
)]
pub struct KeyError(String);

impl ObjectKey {
    /// Reads a key, for instance from a row of the control database.
    ///
    /// # Errors
    /// When a segment is empty, is `.` or `..`, or holds another character.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_safe);
        match text.split('/').all(is_segment) {
            true => Ok(Self(text.to_owned())),
            false => Err(KeyError(text.to_owned())),
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key as `object_store` takes it; no character of a key is one that it would encode.
    pub(crate) fn path(&self) -> Path {
        Path::from_iter(self.0.split('/'))
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ObjectKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        Self::parse(&text)
    }
}

impl From<ObjectKey> for String {
    fn from(key: ObjectKey) -> Self {
        key.0
    }
}

/// Everything that one job writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFolder(String);

impl JobFolder {
    /// The folder of `job`, done for `organisation`.
    #[must_use]
    pub fn new(organisation: &str, job: Uuid) -> Self {
        let hash = Sha256Digest::of(organisation.as_bytes()).to_string();
        let hash = hash.get(..32).unwrap_or_default();
        Self(format!("organisations/{hash}/jobs/{job}"))
    }

    /// The prefix of every key below, for listing and sweeping.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// The folder of one attempt at one step.
    #[must_use]
    pub fn attempt(&self, step: u32, epoch: u32) -> AttemptFolder {
        AttemptFolder(format!("{}/{step}-{epoch}", self.0))
    }
}

/// What one attempt at one step writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptFolder(String);

impl AttemptFolder {
    /// The prefix of every key below, for listing and sweeping.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// Where a collection's parts go.
    #[must_use]
    pub fn part(&self, collection: &str) -> PartKey {
        let hash = Sha256Digest::of(collection.as_bytes()).to_string();
        let hash = hash.get(..32).unwrap_or_default();
        PartKey(format!("{}/{hash}", self.0))
    }

    /// Where the finished archive goes.
    #[must_use]
    pub fn archive(&self) -> ObjectKey {
        ObjectKey(format!("{}/package.zip", self.0))
    }
}

/// Where the parts of one collection go, one object per format. Named by a hash, since the
/// collection's own name may hold anything and be of any length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartKey(String);

impl PartKey {
    /// The object for one format.
    #[must_use]
    pub fn format(&self, format: Format) -> ObjectKey {
        ObjectKey(format!("{}.{}.deflate", self.0, format.extension()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_show_job_step_and_epoch_but_not_the_organisation() {
        let folder = JobFolder::new("acme/../évil", Uuid::nil()).attempt(7, 2);
        let key = folder.archive();
        let (start, rest) = key.as_str().split_at("organisations/".len());
        assert_eq!(start, "organisations/");
        assert_eq!(rest.split_at(32).1, "/jobs/00000000-0000-0000-0000-000000000000/7-2/package.zip");
        assert!(!key.as_str().contains("acme"));
        assert_eq!(ObjectKey::parse(key.as_str()), Ok(key.clone()));
        assert_eq!(key.path().as_ref(), key.as_str());
        let part = folder.part("sales/\u{fc}").format(Format::Csv);
        assert_eq!(ObjectKey::parse(part.as_str()), Ok(part));
    }

    #[test]
    fn different_attempts_never_share_an_object() {
        let job = JobFolder::new("acme", Uuid::nil());
        let keys: std::collections::HashSet<_> = [(1, 1), (1, 2), (2, 1), (11, 1), (1, 11)]
            .map(|(step, epoch)| job.attempt(step, epoch).archive())
            .into();
        assert_eq!(keys.len(), 5);
    }

    #[test]
    fn only_plain_keys_are_read() {
        for wrong in ["", "/a", "a/", "a//b", "../a", "a/./b", "a b", "é", "a\\b", "a#1", "a?b"] {
            assert!(ObjectKey::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(serde_json::from_str::<ObjectKey>("\"../etc\"").is_err());
    }
}
