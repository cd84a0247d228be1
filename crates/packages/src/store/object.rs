//! The operations on whole objects.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore as _, ObjectStoreExt as _};

use super::failure::{failed, from_io};
use super::local;
use super::open::PackageStore;
use crate::error::PackageError;
use crate::key::ObjectKey;

/// An object as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its key.
    pub key: ObjectKey,
    /// Its length.
    pub size_bytes: u64,
    /// When it was last written, by the store's clock.
    pub modified_at: DateTime<Utc>,
}

/// What a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// How many objects.
    pub objects: u64,
    /// Their lengths together.
    pub size_bytes: u64,
}

impl PackageStore {
    /// Writes a whole object. It appears complete or not at all.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), PackageError> {
        match self.objects.put(&key.path(), bytes.into()).await {
            Ok(_) => Ok(()),
            Err(source) => Err(failed("write", key.as_str(), source)),
        }
    }

    /// The object's size and time, or nothing when it does not exist.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn head(&self, key: &ObjectKey) -> Result<Option<StoredObject>, PackageError> {
        match self.objects.head(&key.path()).await {
            Ok(meta) => Ok(Some(described(key.clone(), &meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(failed("read", key.as_str(), source)),
        }
    }

    /// Deletes an object; one that is not there counts as deleted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), PackageError> {
        match self.objects.delete(&key.path()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(failed("delete", key.as_str(), source)),
        }
    }

    /// Deletes many objects, in as few requests as the store allows (1,000 in one on S3). Those
    /// that are not there count as deleted.
    ///
    /// # Errors
    /// When the store fails for one of them; all others were tried, and trying again does no harm.
    pub async fn delete_all(&self, keys: impl IntoIterator<Item = ObjectKey>) -> Result<(), PackageError> {
        let paths: Vec<_> = keys.into_iter().map(|key| Ok(key.path())).collect();
        let mut deleted = self.objects.delete_stream(stream::iter(paths).boxed());
        let mut failure = None;
        while let Some(result) = deleted.next().await {
            match result {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => failure = Some(source),
            }
        }
        match failure {
            None => Ok(()),
            Some(source) => Err(failed("delete", "of several", source)),
        }
    }

    /// Every object below `prefix`, in no particular order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, prefix: &str) -> Result<Vec<StoredObject>, PackageError> {
        let path = Path::from_iter(prefix.split('/').filter(|part| !part.is_empty()));
        let listed = self.objects.list(Some(&path)).map(|meta| {
            let meta = meta.map_err(|source| failed("list", prefix, source))?;
            let key = ObjectKey::parse(meta.location.as_ref())?;
            Ok(described(key, &meta))
        });
        listed.try_collect().await
    }

    /// Deletes every object below `prefix` except those in `keep`, and in a directory also what
    /// interrupted writes left there. To be called when nobody writes below the prefix any more.
    ///
    /// Interrupted multipart uploads in a bucket cannot be listed; a lifecycle rule on the bucket
    /// removes them.
    ///
    /// # Errors
    /// When the store fails; calling again goes on where it stopped.
    pub async fn sweep(&self, prefix: &str, keep: &[ObjectKey]) -> Result<Swept, PackageError> {
        let keep = keep.to_vec();
        self.sweep_where(prefix, move |key| !keep.contains(key)).await
    }

    /// The same for the objects of which `may_go` says so, others being written meanwhile or not.
    ///
    /// # Errors
    /// When the store fails; calling again goes on where it stopped.
    pub async fn sweep_where(
        &self,
        prefix: &str,
        may_go: impl Fn(&ObjectKey) -> bool + Send + 'static,
    ) -> Result<Swept, PackageError> {
        let mut swept = Swept::default();
        let mut surplus = Vec::new();
        for object in self.list(prefix).await? {
            if may_go(&object.key) {
                swept.objects += 1;
                swept.size_bytes += object.size_bytes;
                surplus.push(object.key);
            }
        }
        if !surplus.is_empty() {
            self.delete_all(surplus).await?;
        }
        if let Some(root) = self.local_root() {
            let leftovers = local::remove_leftovers(root, prefix, may_go)
                .await
                .map_err(|error| failed("delete", prefix, from_io(error)))?;
            swept.objects += leftovers.objects;
            swept.size_bytes += leftovers.size_bytes;
        }
        Ok(swept)
    }
}

fn described(key: ObjectKey, meta: &ObjectMeta) -> StoredObject {
    StoredObject { key, size_bytes: meta.size, modified_at: meta.last_modified }
}
