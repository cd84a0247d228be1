//! Reading an object by its key.

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::signer::Method;

use super::S3;
use super::key::Key;
use super::request::Failure;
use crate::store::bucket::MediaReadError;

impl S3 {
    /// Reads an object whose key is no path of `object_store`.
    pub async fn read(
        &self,
        key: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, MediaReadError>>, MediaReadError> {
        let key = Key::of(&self.prefix, key).ok_or(MediaReadError::Key)?;
        // A store that keeps its objects in files could follow the dots to another one. It lists none
        // by such a key.
        if key.has_dots() && !self.lists(&key).await.map_err(|failure| told(&failure))? {
            return Err(MediaReadError::Missing);
        }
        let content = self.open(Method::GET, (Some(&key), &[])).await.map_err(|failure| told(&failure))?;
        Ok(content.map(|chunk| chunk.map_err(|failure| told(&failure))).boxed())
    }
}

fn told(failure: &Failure) -> MediaReadError {
    match failure {
        Failure::Unavailable => MediaReadError::Unreadable,
        Failure::Refused(refusal) if refusal.names_no_key() => MediaReadError::Key,
        Failure::Refused(refusal) if refusal.is_missing() => MediaReadError::Missing,
        Failure::Refused(refusal) if refusal.is_forbidden() => MediaReadError::Refused,
        Failure::Refused(_) => MediaReadError::Unreadable,
    }
}
