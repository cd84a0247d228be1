//! Deleting media from the company's own bucket.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use futures::{Stream, StreamExt as _};
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt as _};
use thiserror::Error;

use super::bucket::Bucket;
use super::local;

/// After so many objects in a row that could not be asked about, the bucket itself is taken to be away.
const AWAY_AFTER: u32 = 8;

/// What is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deleted {
    /// Objects: keys that had content. A key that has none any more is no failure, and not counted.
    pub objects: u64,
    /// Versions with content; one for each object where a store keeps no others.
    pub versions: u64,
    /// Markers that an object had been deleted before, which keep its key.
    pub markers: u64,
}

/// Why an object, or a version of it, is still there. Says nothing of its key, which may hold
/// personal data. Of several reasons for one object the last in this order is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum MediaDeleteError {
    /// Object Lock keeps it: a retention period that has not ended, or a legal hold. Nobody may
    /// delete it before, so this is an exception to record, not a failure to mend.
    #[error("the bucket keeps it under a lock")]
    Locked,
    /// No object can have that key, so nothing is left behind: it is longer than the store takes, or in a
    /// directory it climbs or has empty segments.
    #[error("its key is not one that an object of this bucket can have")]
    Key,
    /// An object may have that key, but nobody knows how to ask this kind of store for it.
    #[error(
        "of keys with segments that are empty or dots, or with control characters, only S3 and what speaks like it \
         can be asked; delete these objects by other means and clear the rows' keys"
    )]
    Unaddressable,
    /// The credentials do not suffice, or the store wants something else first.
    #[error(
        "the bucket refuses to delete it; on S3 s3:ListBucketVersions, s3:DeleteObject and s3:DeleteObjectVersion are needed"
    )]
    Refused,
    /// Where the objects should be is nothing. Only S3 and directories tell this from a bucket that
    /// does not answer.
    #[error("there is no such bucket")]
    NoBucket,
    /// The bucket did not answer, more often than it was asked again.
    #[error("the bucket could not be reached")]
    Unavailable,
}

impl MediaDeleteError {
    /// Whether asking again later may help.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Unavailable)
    }
}

/// What became of many objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MediaDeletion {
    /// What is gone.
    pub deleted: Deleted,
    /// How many keys nothing was found under.
    pub missing: u64,
    /// How many objects are still there, or may be, by reason.
    pub failed: BTreeMap<MediaDeleteError, u64>,
    /// Whether the bucket seemed to be away, so that the rest was not tried.
    pub broke_off: bool,
}

impl MediaDeletion {
    /// Whether doing the same again later may delete more.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.broke_off || self.failed.keys().any(|reason| reason.is_retryable())
    }
}

impl Bucket {
    /// Deletes the object of exactly this key; on S3 with all of its versions, and last the markers
    /// that hide them. What is not there counts as deleted.
    ///
    /// Google Cloud Storage and Azure keep what is deleted for as long as the bucket's own versioning
    /// and soft deletion say. In a directory, directories that become empty go as well.
    ///
    /// # Errors
    /// When the object, or a version of it, may be there still. All versions were tried then, and
    /// trying again does no harm.
    pub async fn delete(&self, key: &str) -> Result<Deleted, MediaDeleteError> {
        if let Some(root) = self.store.local_root() {
            return local::remove(root, key).await.map(whole);
        }
        if let Some(s3) = &self.store.s3 {
            return s3.delete(key).await;
        }
        if key.is_empty() {
            return Err(MediaDeleteError::Key);
        }
        let path = Self::path(key).ok_or(MediaDeleteError::Unaddressable)?;
        self.delete_plainly(&path).await.map(whole)
    }

    /// Deletes an object of Google or Azure; `false` when there was none.
    async fn delete_plainly(&self, path: &Path) -> Result<bool, MediaDeleteError> {
        // Not every store says whether there was something to delete.
        match self.store.objects.head(path).await {
            Ok(_) => {}
            Err(Error::NotFound { .. }) => return self.is_there(path).await.map(|()| false),
            Err(error) => return Err(told(&error)),
        }
        match self.store.objects.delete(path).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(true),
            Err(error) => Err(told(&error)),
        }
    }

    /// A bucket that is not there has no objects either, and that is not the same.
    async fn is_there(&self, path: &Path) -> Result<(), MediaDeleteError> {
        match self.store.objects.list(Some(path)).next().await {
            Some(Err(error)) => Err(told(&error)),
            Some(Ok(_)) | None => Ok(()),
        }
    }
}

/// Deletes many objects, `at_once` of them side by side, as [`Bucket::delete`] does. Keys are taken
/// from the stream only as they are needed, and none is kept.
///
/// # Errors
/// The first of the stream itself. What was begun is left as it is; doing all of it again does no harm.
pub async fn delete_media<E>(
    keys: impl Stream<Item = Result<(Bucket, String), E>>,
    at_once: usize,
) -> Result<MediaDeletion, E> {
    let delete = |item: Result<(Bucket, String), E>| async {
        let (bucket, key) = item?;
        Ok(bucket.delete(&key).await)
    };
    let mut results = std::pin::pin!(keys.map(delete).buffer_unordered(at_once.max(1)));
    let mut deletion = MediaDeletion::default();
    let mut unavailable_in_a_row = 0;
    while let Some(result) = results.next().await {
        let result = result?;
        unavailable_in_a_row =
            if result == Err(MediaDeleteError::Unavailable) { unavailable_in_a_row + 1 } else { 0 };
        match result {
            Ok(deleted) if deleted == Deleted::default() => deletion.missing += 1,
            Ok(deleted) => deletion.deleted += deleted,
            Err(reason) => *deletion.failed.entry(reason).or_default() += 1,
        }
        if unavailable_in_a_row == AWAY_AFTER {
            deletion.broke_off = true;
            break;
        }
    }
    Ok(deletion)
}

impl AddAssign for Deleted {
    fn add_assign(&mut self, more: Self) {
        self.objects += more.objects;
        self.versions += more.versions;
        self.markers += more.markers;
    }
}

fn whole(was_there: bool) -> Deleted {
    let count = u64::from(was_there);
    Deleted { objects: count, versions: count, markers: 0 }
}

fn told(error: &Error) -> MediaDeleteError {
    match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => MediaDeleteError::Refused,
        Error::InvalidPath { .. } => MediaDeleteError::Unaddressable,
        _ => MediaDeleteError::Unavailable,
    }
}
