//! The company's own bucket, from which media are copied into an export and deleted by an erasure.
//!
//! Its keys are as the company's rows name them, to the byte. What a key can be depends on the store: any
//! text up to a length on S3, in a directory the way to a file below it.

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{GetResultPayload, ObjectStoreExt as _};
use thiserror::Error;
use tokio_util::io::ReaderStream;
use url::Url;

use super::local;
use super::open::{PackageStore, unusable};
use crate::error::PackageError;

/// Large enough that handing a read to a blocking thread costs little beside the read itself.
const READ_BYTES: usize = 256 * 1024;

/// A bucket whose keys are as the company's rows name them. Nothing is ever written to it. Cheap to
/// clone.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub(super) store: PackageStore,
}

/// Why an object could not be read. Says nothing of its key, which may hold personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MediaReadError {
    /// There is none of that key.
    #[error("there is no such object in the bucket")]
    Missing,
    /// The credentials do not suffice.
    #[error("the bucket refuses to hand it out")]
    Refused,
    /// No object can have that key: it is longer than the store takes, or in a directory it climbs or has
    /// empty segments.
    #[error("its key is not one that an object of this bucket can have")]
    Key,
    /// An object may have that key, but nobody knows how to ask this kind of store for it.
    #[error("its key, with segments that are empty or dots, or control characters, can be asked of S3 only")]
    Unaddressable,
    /// The bucket did not answer, or broke off, more often than it was asked again.
    #[error("the bucket could not be read")]
    Unreadable,
}

impl MediaReadError {
    /// Whether asking again later may help.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Unreadable)
    }
}

impl Bucket {
    /// Opens a bucket by the URLs and options of [`PackageStore::open`]. A directory must be there.
    ///
    /// # Errors
    /// When the URL or an option is not understood, or there is no such directory.
    pub fn open(
        url: &str,
        options: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, PackageError> {
        let directory = Url::parse(url).ok().filter(|url| url.scheme() == "file");
        if let Some(directory) = directory.and_then(|url| url.to_file_path().ok()) {
            std::fs::read_dir(directory).map_err(unusable)?;
        }
        Ok(Self { store: PackageStore::open(url, options)? })
    }

    /// Reads an object.
    ///
    /// # Errors
    /// When it cannot be read, here or in the stream.
    pub async fn read(
        &self,
        key: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, MediaReadError>>, MediaReadError> {
        if let Some(root) = self.store.local_root() {
            let file = local::read(root, key).await?;
            let chunks = ReaderStream::with_capacity(tokio::fs::File::from_std(file), READ_BYTES);
            return Ok(chunks.map_err(|_| MediaReadError::Unreadable).boxed());
        }
        let path = match (Self::path(key), &self.store.s3) {
            (Some(path), _) => path,
            (None, Some(s3)) => return s3.read(key).await,
            (None, None) if key.is_empty() => return Err(MediaReadError::Key),
            (None, None) => return Err(MediaReadError::Unaddressable),
        };
        let found = self.store.objects.get(&path).await.map_err(told)?;
        Ok(match found.payload {
            GetResultPayload::Stream(chunks) => chunks.map_err(told).boxed(),
            GetResultPayload::File(file, _) => ReaderStream::new(tokio::fs::File::from_std(file))
                .map_err(|_| MediaReadError::Unreadable)
                .boxed(),
        })
    }

    /// The key as `object_store` names it, if it is a path of its grammar.
    pub(super) fn path(key: &str) -> Option<Path> {
        let is_same = |path: &Path| !key.is_empty() && path.as_ref() == key;
        Path::parse(key).ok().filter(is_same)
    }
}

/// What the manifest may say of a failure.
#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn told(error: object_store::Error) -> MediaReadError {
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => MediaReadError::Missing,
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => MediaReadError::Refused,
        E::InvalidPath { .. } => MediaReadError::Unaddressable,
        _ => MediaReadError::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reads_what_is_there_and_says_why_it_cannot() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("uploads")).unwrap();
        std::fs::write(directory.path().join("uploads/a b \u{fc}.jpg"), b"picture").unwrap();
        std::fs::write(directory.path().join("uploads/a\tb\n"), b"tabbed").unwrap();
        std::fs::write(directory.path().join("secret"), b"not below uploads").unwrap();
        let url = Url::from_file_path(directory.path().join("uploads")).unwrap();
        let bucket = Bucket::open(url.as_str(), []).unwrap();
        let read = bucket.read("a b \u{fc}.jpg").await.unwrap();
        assert_eq!(read.try_collect::<Vec<_>>().await.unwrap().concat(), b"picture");
        for key in ["a\tb\n", "./a\tb\n"] {
            let read = bucket.read(key).await.unwrap();
            assert_eq!(read.try_collect::<Vec<_>>().await.unwrap().concat(), b"tabbed");
        }
        let long = "k".repeat(300);
        for (key, reason) in [
            ("none.jpg", MediaReadError::Missing),
            ("a b \u{fc}.jpg/x", MediaReadError::Missing),
            (".", MediaReadError::Key),
            (&long, MediaReadError::Key),
            ("../secret", MediaReadError::Key),
            ("/etc/passwd", MediaReadError::Key),
            ("a//b", MediaReadError::Key),
            ("", MediaReadError::Key),
        ] {
            assert_eq!(bucket.read(key).await.err(), Some(reason), "{key}");
        }
        assert!(Bucket::open("file:///nowhere/at/all", []).is_err());
    }
}
