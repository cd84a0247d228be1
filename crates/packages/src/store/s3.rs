//! Objects of Amazon S3, and of what speaks like it, by keys as the store has them, with every version.
//!
//! `object_store` takes a key for a path: it has no words for `a//x`, `/x` or a key with a tab. It also
//! deletes an object by its name, which in a bucket with versions hides it and deletes nothing. So
//! requests about media are made here. The credentials, the region, the endpoint and the HTTP client
//! are those that it makes of its options, so that what is said in the way of S3 has no settings of
//! its own.

mod address;
mod direct;
mod key;
mod listing;
mod read;
mod refusal;
mod request;
mod sign;

use std::fmt;
use std::sync::Arc;

use chrono::Utc;
use object_store::RetryConfig;
use object_store::aws::AmazonS3;
use object_store::client::HttpClient;
use object_store::path::Path;
use object_store::signer::Method;

use super::delete::{Deleted, MediaDeleteError};
use key::Key;
use listing::{Listing, Place, Version, first_key};
use refusal::keeps;
use request::Failure;

pub(super) use address::Address;
pub(super) use direct::Direct;

/// Most keys have one version, and those of other keys that begin alike come with them.
const PAGE: &str = "100";

/// A bucket and its objects.
#[derive(Clone)]
pub(super) struct S3 {
    /// Who knows the credentials.
    pub bucket: Arc<AmazonS3>,
    /// Whether requests are signed.
    pub signs: bool,
    pub address: Address,
    /// What stands before our keys in the bucket.
    pub prefix: Path,
    pub http: HttpClient,
    pub direct: Direct,
    pub retry: RetryConfig,
}

/// The client knows credentials.
impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl S3 {
    /// Deletes exactly this object, with all of its versions where the store knows any.
    pub async fn delete(&self, key: &str) -> Result<Deleted, MediaDeleteError> {
        let key = Key::of(&self.prefix, key).ok_or(MediaDeleteError::Key)?;
        let Some(found) = self.find(&key).await? else {
            return self.delete_unversioned(&key).await;
        };
        let (markers, versions): (Vec<_>, Vec<_>) = found.into_iter().partition(|version| version.is_marker);
        // The oldest first: while one is left, no older one takes its place.
        let versions = self.delete_each(&key, versions.iter().rev()).await?;
        // Markers hide what could not be deleted, and stay if there is such.
        let markers = self.delete_each(&key, markers.iter().rev()).await?;
        Ok(Deleted { objects: u64::from(versions > 0), versions, markers })
    }

    /// Deletes an object of a store that knows no versions.
    async fn delete_unversioned(&self, key: &Key) -> Result<Deleted, MediaDeleteError> {
        if !self.lists(key).await.map_err(|failure| told(&failure))? {
            return Ok(Deleted::default());
        }
        match self.send(Method::DELETE, (Some(key), &[])).await {
            Ok(_) => Ok(Deleted { objects: 1, versions: 1, markers: 0 }),
            Err(Failure::Refused(refusal)) if refusal.is_missing_object() => Ok(Deleted::default()),
            Err(failure) => Err(told(&failure)),
        }
    }

    /// Whether the list of the bucket's objects has exactly this key.
    async fn lists(&self, key: &Key) -> Result<bool, Failure> {
        let query =
            [("list-type", "2"), ("encoding-type", "url"), ("max-keys", "1"), ("prefix", key.as_str())];
        let page = self.send(Method::GET, (None, &query)).await?;
        // In the order of keys, this one is the first of those that begin with it.
        let first = first_key(&page).ok_or(Failure::Unavailable)?;
        Ok(first.is_some_and(|first| first == key.as_str()))
    }

    /// Deletes these, as far as it can be done; how many were there still.
    async fn delete_each(
        &self,
        object: &Key,
        versions: impl Iterator<Item = &Version>,
    ) -> Result<u64, MediaDeleteError> {
        let (mut deleted, mut failure) = (0, None);
        for version in versions {
            match self.delete_one(object, &version.id).await {
                Ok(was_there) => deleted += u64::from(was_there),
                Err(error) => failure = failure.max(Some(error)),
            }
        }
        failure.map_or(Ok(deleted), Err)
    }

    async fn delete_one(&self, object: &Key, version: &str) -> Result<bool, MediaDeleteError> {
        match self.send(Method::DELETE, (Some(object), &[("versionId", version)])).await {
            Ok(_) => Ok(true),
            Err(Failure::Unavailable) => Err(MediaDeleteError::Unavailable),
            Err(Failure::Refused(refusal)) if refusal.is_missing_object() => Ok(false),
            Err(Failure::Refused(refusal)) if refusal.names_a_lock() => Err(MediaDeleteError::Locked),
            Err(Failure::Refused(refusal)) if refusal.is_missing_bucket() => Err(MediaDeleteError::NoBucket),
            Err(Failure::Refused(_)) => match self.is_locked(object, version).await {
                true => Err(MediaDeleteError::Locked),
                false => Err(MediaDeleteError::Refused),
            },
        }
    }

    /// Whether the store says, when it is asked, that a lock keeps this version: not all say so when
    /// they refuse.
    async fn is_locked(&self, object: &Key, version: &str) -> bool {
        for question in ["retention", "legal-hold"] {
            let query = [(question, ""), ("versionId", version)];
            let answer = self.send(Method::GET, (Some(object), &query)).await;
            if answer.is_ok_and(|lock| keeps(&lock, Utc::now())) {
                return true;
            }
        }
        false
    }

    /// All versions of an object, the newest first; `None` when the store knows no versions.
    async fn find(&self, object: &Key) -> Result<Option<Vec<Version>>, MediaDeleteError> {
        let mut found = Vec::new();
        let mut place: Option<Place> = None;
        loop {
            let mut query = vec![
                ("versions", ""),
                ("encoding-type", "url"),
                ("max-keys", PAGE),
                ("prefix", object.as_str()),
            ];
            if let Some(place) = &place {
                query.extend([
                    ("key-marker", place.key.as_str()),
                    ("version-id-marker", place.version.as_str()),
                ]);
            }
            let page = match self.send(Method::GET, (None, &query)).await {
                Ok(page) => page,
                Err(Failure::Refused(refusal)) if refusal.is_not_implemented() => return Ok(None),
                Err(failure) => return Err(told(&failure)),
            };
            let page = Listing::read(&page).ok_or(MediaDeleteError::Unavailable)?;
            let next = page.next.filter(|next| next.key == object.as_str());
            found.extend(page.versions.into_iter().filter(|version| version.key == object.as_str()));
            match next {
                // In the order of keys, this one is the first of those that begin with it.
                None => return Ok(Some(found)),
                Some(_) if next == place => return Err(MediaDeleteError::Unavailable),
                Some(_) => place = next,
            }
        }
    }
}

/// Why an object may be there still.
fn told(failure: &Failure) -> MediaDeleteError {
    match failure {
        Failure::Unavailable => MediaDeleteError::Unavailable,
        Failure::Refused(refusal) if refusal.is_missing_bucket() => MediaDeleteError::NoBucket,
        Failure::Refused(refusal) if refusal.names_no_key() => MediaDeleteError::Key,
        Failure::Refused(_) => MediaDeleteError::Refused,
    }
}
