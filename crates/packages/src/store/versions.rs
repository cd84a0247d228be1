//! Deleting every version of an object of Amazon S3, and of what speaks like it.
//!
//! `object_store` deletes an object by its name, which in a bucket with versions hides it and deletes
//! nothing. It does sign any request on our behalf, with the credentials, the region and the
//! endpoint that it was given, and makes HTTP clients from its options; so what is said here in the
//! way of S3 has no settings of its own.

mod listing;
mod refusal;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable as _};
use bytes::{Bytes, BytesMut};
use chrono::Utc;
use futures::StreamExt as _;
use object_store::RetryConfig;
use object_store::aws::AmazonS3;
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody, HttpResponseBody};
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer as _};

use super::delete::{Deleted, MediaDeleteError};
use listing::{Listing, Place, Version};
use refusal::{Refusal, keeps};

/// Each try is signed anew; this is for clocks that differ.
const SIGNED_FOR: Duration = Duration::from_secs(15 * 60);
/// Most keys have one version, and those of other keys that begin alike come with them.
const PAGE: &str = "100";
/// Far more than a page. A store that does not know the question about a lock answers with the object.
const LARGEST_BYTES: usize = 4 * 1024 * 1024;

/// The versions of a bucket's objects.
#[derive(Clone)]
pub(super) struct Versions {
    pub bucket: Arc<AmazonS3>,
    /// What stands before our keys in the bucket.
    pub prefix: Path,
    pub http: HttpClient,
    pub retry: RetryConfig,
}

/// The client knows credentials.
impl fmt::Debug for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versions").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Why a request came to nothing.
#[derive(Debug)]
enum Failure {
    Unavailable,
    Refused(Refusal),
}

impl Versions {
    /// Deletes all versions of exactly this object; `None` when the store knows no versions.
    pub async fn delete(&self, path: &Path) -> Result<Option<Deleted>, MediaDeleteError> {
        let object: Path = self.prefix.parts().chain(path.parts()).collect();
        let Some(found) = self.find(&object).await? else {
            return Ok(None);
        };
        let (markers, versions): (Vec<_>, Vec<_>) = found.into_iter().partition(|version| version.is_marker);
        // The oldest first: while one is left, no older one takes its place.
        let versions = self.delete_each(&object, versions.iter().rev()).await?;
        // Markers hide what could not be deleted, and stay if there is such.
        let markers = self.delete_each(&object, markers.iter().rev()).await?;
        Ok(Some(Deleted { objects: u64::from(versions > 0), versions, markers }))
    }

    /// Deletes these, as far as it can be done; how many were there still.
    async fn delete_each(
        &self,
        object: &Path,
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

    async fn delete_one(&self, object: &Path, version: &str) -> Result<bool, MediaDeleteError> {
        match self.send(Method::DELETE, object, &[("versionId", version)]).await {
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
    async fn is_locked(&self, object: &Path, version: &str) -> bool {
        for question in ["retention", "legal-hold"] {
            let query = [(question, ""), ("versionId", version)];
            let answer = self.send(Method::GET, object, &query).await;
            if answer.is_ok_and(|lock| keeps(&lock, Utc::now())) {
                return true;
            }
        }
        false
    }

    /// All versions of an object, the newest first; `None` when the store knows no versions.
    async fn find(&self, object: &Path) -> Result<Option<Vec<Version>>, MediaDeleteError> {
        let mut found = Vec::new();
        let mut place: Option<Place> = None;
        loop {
            let mut query = vec![
                ("versions", ""),
                ("encoding-type", "url"),
                ("max-keys", PAGE),
                ("prefix", object.as_ref()),
            ];
            if let Some(place) = &place {
                query.extend([
                    ("key-marker", place.key.as_str()),
                    ("version-id-marker", place.version.as_str()),
                ]);
            }
            let page = match self.send(Method::GET, &Path::default(), &query).await {
                Ok(page) => page,
                Err(Failure::Unavailable) => return Err(MediaDeleteError::Unavailable),
                Err(Failure::Refused(refusal)) if refusal.is_not_implemented() => return Ok(None),
                Err(Failure::Refused(refusal)) if refusal.is_missing_bucket() => {
                    return Err(MediaDeleteError::NoBucket);
                }
                Err(Failure::Refused(_)) => return Err(MediaDeleteError::Refused),
            };
            let page = Listing::read(&page).ok_or(MediaDeleteError::Unavailable)?;
            let next = page.next.filter(|next| next.key == object.as_ref());
            found.extend(page.versions.into_iter().filter(|version| version.key == object.as_ref()));
            match next {
                // In the order of keys, this one is the first of those that begin with it.
                None => return Ok(Some(found)),
                Some(_) if next == place => return Err(MediaDeleteError::Unavailable),
                Some(_) => place = next,
            }
        }
    }

    /// Sends a request, as often as the settings of the store say.
    async fn send(&self, method: Method, path: &Path, query: &[(&str, &str)]) -> Result<Bytes, Failure> {
        let begun = Instant::now();
        let waits = ExponentialBuilder::new()
            .with_min_delay(self.retry.backoff.init_backoff)
            .with_max_delay(self.retry.backoff.max_backoff)
            .with_max_times(self.retry.max_retries)
            .with_jitter();
        (|| self.send_once(&method, path, query))
            .retry(waits)
            .when(|failure| {
                matches!(failure, Failure::Unavailable) && begun.elapsed() < self.retry.retry_timeout
            })
            .await
    }

    async fn send_once(
        &self,
        method: &Method,
        path: &Path,
        query: &[(&str, &str)],
    ) -> Result<Bytes, Failure> {
        let options = SignedUrlOptions::new().with_query(query.iter().copied());
        let signed = self.bucket.signed_url_opts(method.clone(), path, SIGNED_FOR, &options).await;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = method.clone();
        *request.uri_mut() =
            signed.ok().and_then(|url| url.as_str().parse().ok()).ok_or(Failure::Unavailable)?;
        let response = self.http.execute(request).await.map_err(|_| Failure::Unavailable)?;
        let status = response.status();
        let body = bounded(response.into_body()).await?;
        match status.is_success() {
            true => Ok(body),
            false => {
                Err(Refusal::read(status.as_u16(), &body).map_or(Failure::Unavailable, Failure::Refused))
            }
        }
    }
}

async fn bounded(body: HttpResponseBody) -> Result<Bytes, Failure> {
    let mut chunks = body.bytes_stream();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk.map_err(|_| Failure::Unavailable)?);
        if bytes.len() > LARGEST_BYTES {
            return Err(Failure::Refused(Refusal::default()));
        }
    }
    Ok(bytes.freeze())
}
