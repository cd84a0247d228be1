//! Reading the bytes of a stored part, and only as many as were recorded.

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;

use super::block::length;
use crate::error::PackageError;
use crate::key::ObjectKey;
use crate::store::PackageStore;

/// An object of a length that is known beforehand.
pub(crate) struct ExactRead<'a> {
    key: &'a ObjectKey,
    expected_bytes: u64,
    found_bytes: u64,
    chunks: BoxStream<'static, Result<Bytes, PackageError>>,
}

impl<'a> ExactRead<'a> {
    /// Opens the object.
    pub(crate) async fn open(
        store: &PackageStore,
        key: &'a ObjectKey,
        expected_bytes: u64,
    ) -> Result<Self, PackageError> {
        let object = store.get(key, None).await?;
        if object.size_bytes != expected_bytes {
            let (key, found) = (key.clone(), object.size_bytes);
            return Err(PackageError::PartLength { key, found, expected: expected_bytes });
        }
        Ok(Self { key, expected_bytes, found_bytes: 0, chunks: object.chunks })
    }

    /// The next bytes, or nothing at the end, which must be where it was expected.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, PackageError> {
        let chunk = self.chunks.try_next().await?;
        self.found_bytes += chunk.as_deref().map_or(0, length);
        let is_off = match chunk {
            Some(_) => self.found_bytes > self.expected_bytes,
            None => self.found_bytes != self.expected_bytes,
        };
        match is_off {
            false => Ok(chunk),
            true => Err(PackageError::PartLength {
                key: self.key.clone(),
                found: self.found_bytes,
                expected: self.expected_bytes,
            }),
        }
    }
}
