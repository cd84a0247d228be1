//! Opening a store by URL, and the operations on whole objects.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use url::Url;

use super::failure::{failed, from_io};
use super::local;
use super::upload::Upload;
use crate::error::PackageError;
use crate::key::ObjectKey;

/// Amazon S3 takes parts of 5 MiB and more, and 10,000 of them.
const REMOTE_UPLOAD_BYTES: usize = 8 * 1024 * 1024;
/// A directory takes parts of any size, so memory can be spared.
const LOCAL_UPLOAD_BYTES: usize = 1024 * 1024;

/// A place for packages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PackageStore {
    pub(super) objects: Arc<dyn ObjectStore>,
    /// The directory, when the store is one.
    local_root: Option<PathBuf>,
    upload_bytes: usize,
}

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
    /// Opens `file:///directory` (created when missing, readable by its owner only),
    /// `s3://bucket/prefix` or `memory:///`. `options` are those of the `object_store` crate, for
    /// instance `aws_region` and `aws_access_key_id`. A directory takes `fsync` alone: `true`, the
    /// default, makes a finished object survive a power cut; `false` leaves that to chance.
    ///
    /// # Errors
    /// When the URL or an option is not understood, or the directory cannot be created.
    pub fn open(
        url: &str,
        options: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, PackageError> {
        let url = Url::parse(url).map_err(unusable)?;
        match url.scheme() {
            "file" => Self::directory(&url, fsync(options)?),
            "memory" => Ok(Self::remote(InMemory::new())),
            _ => {
                let (objects, prefix) = object_store::parse_url_opts(&url, options).map_err(unusable)?;
                Ok(match prefix.as_ref().is_empty() {
                    true => Self::remote(objects),
                    false => Self::remote(PrefixStore::new(objects, prefix)),
                })
            }
        }
    }

    fn directory(url: &Url, fsync: bool) -> Result<Self, PackageError> {
        let root = url.to_file_path().map_err(|()| {
            let reason = "a file url needs an absolute path and no host";
            PackageError::StoreUrl(reason.into())
        })?;
        local::create_directory(&root).map_err(unusable)?;
        let root = root.canonicalize().map_err(unusable)?;
        let objects = LocalFileSystem::new_with_prefix(&root).map_err(unusable)?.with_fsync(fsync);
        Ok(Self { objects: Arc::new(objects), local_root: Some(root), upload_bytes: LOCAL_UPLOAD_BYTES })
    }

    fn remote(objects: impl ObjectStore) -> Self {
        Self { objects: Arc::new(objects), local_root: None, upload_bytes: REMOTE_UPLOAD_BYTES }
    }

    /// The directory, when the store is one.
    #[must_use]
    pub fn local_root(&self) -> Option<&FilePath> {
        self.local_root.as_deref()
    }

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

    /// Every object below `prefix`, which ends at a `/`, in no particular order.
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
        let mut swept = Swept::default();
        for object in self.list(prefix).await? {
            if !keep.contains(&object.key) {
                self.delete(&object.key).await?;
                swept.objects += 1;
                swept.size_bytes += object.size_bytes;
            }
        }
        if let Some(root) = &self.local_root {
            let directory = root.join(prefix);
            let leftovers = local::remove_leftovers(directory)
                .await
                .map_err(|error| failed("delete", prefix, from_io(error)))?;
            swept.objects += leftovers.objects;
            swept.size_bytes += leftovers.size_bytes;
        }
        Ok(swept)
    }

    pub(crate) fn upload(&self, key: &ObjectKey) -> Upload {
        Upload::new(Arc::clone(&self.objects), key.clone(), self.upload_bytes)
    }
}

fn fsync(options: impl IntoIterator<Item = (String, String)>) -> Result<bool, PackageError> {
    let mut fsync = true;
    for (name, value) in options {
        fsync = match (name.as_str(), value.as_str()) {
            ("fsync", "true") => true,
            ("fsync", "false") => false,
            _ => {
                let reason = format!("a directory takes fsync = true or false, not {name}");
                return Err(PackageError::StoreUrl(reason.into()));
            }
        };
    }
    Ok(fsync)
}

fn described(key: ObjectKey, meta: &ObjectMeta) -> StoredObject {
    StoredObject { key, size_bytes: meta.size, modified_at: meta.last_modified }
}

fn unusable(source: impl std::error::Error + Send + Sync + 'static) -> PackageError {
    PackageError::StoreUrl(Box::new(source))
}
