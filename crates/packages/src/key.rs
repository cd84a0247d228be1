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

    /// The key of another object beside this one: `suffix` is appended after a dot.
    pub(crate) fn beside(&self, suffix: &str) -> Self {
        debug_assert!(Self::parse(suffix).is_ok() && !suffix.contains('/'));
        Self(format!("{}.{suffix}", self.0))
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

    /// The step and the epoch of the attempt that wrote an object; `None` for objects of others.
    #[must_use]
    pub fn attempt_of(&self, key: &ObjectKey) -> Option<(u32, u32)> {
        let folder = key.0.strip_prefix(&self.0)?.strip_prefix('/')?.split('/').next()?;
        let (step, epoch) = folder.split_once('-')?;
        Some((step.parse().ok()?, epoch.parse().ok()?))
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

    /// A folder below this one for what is written of one collection beside its parts.
    #[must_use]
    pub fn of(&self, collection: &str) -> Self {
        Self(self.part(collection).0)
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

    /// Where volume `number` of an archive goes that is split into several; the first is 1.
    #[must_use]
    pub fn volume(&self, number: u32) -> ObjectKey {
        ObjectKey(format!("{}/package-{number:03}.zip", self.0))
    }

    /// Where the key ranges go that a planning step cut large collections into. Key values can be
    /// personal data, so they are an object and never part of a step.
    #[must_use]
    pub fn ranges(&self) -> ObjectKey {
        ObjectKey(format!("{}/ranges.json", self.0))
    }

    /// Where the list of the media goes that could not be read. Their keys can be personal data.
    #[must_use]
    pub fn missing_media(&self) -> ObjectKey {
        ObjectKey(format!("{}/missing-media.json", self.0))
    }

    /// Where object `number` of the media goes: a segment, or something too large for one.
    pub(crate) fn media(&self, number: u64) -> ObjectKey {
        ObjectKey(format!("{}/media-{number:06}", self.0))
    }
}

/// Where the parts of one collection go, one object per format. Named by a hash, since the
/// collection's own name may hold anything and be of any length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartKey(String);

impl PartKey {
    /// The object with what people are told of the collection, its first rows among it.
    #[must_use]
    pub fn guide(&self) -> ObjectKey {
        ObjectKey(format!("{}.guide.json", self.0))
    }

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
        let job = JobFolder::new("acme/../évil", Uuid::nil());
        assert_eq!(job.attempt_of(&key), Some((7, 2)));
        assert_eq!(JobFolder::new("other", Uuid::nil()).attempt_of(&key), None);
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
        let folder = job.attempt(1, 1);
        let of_one = [
            folder.archive(),
            folder.volume(1),
            folder.volume(12),
            folder.ranges(),
            folder.media(1),
            folder.media(2),
            folder.media(1).beside("index"),
            folder.part("package").format(Format::Csv),
        ];
        let keys: std::collections::HashSet<_> = of_one.iter().collect();
        assert_eq!(keys.len(), of_one.len());
        assert!(of_one.iter().all(|key| ObjectKey::parse(key.as_str()).as_ref() == Ok(key)));
        assert!(folder.volume(1).as_str().ends_with("/1-1/package-001.zip"));
    }

    #[test]
    fn only_plain_keys_are_read() {
        for wrong in ["", "/a", "a/", "a//b", "../a", "a/./b", "a b", "é", "a\\b", "a#1", "a?b"] {
            assert!(ObjectKey::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(serde_json::from_str::<ObjectKey>("\"../etc\"").is_err());
    }
}
