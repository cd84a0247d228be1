//! Opening a store by URL.

use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use url::Url;

use super::cloud::{self, Cloud};
use super::local;
use super::presign::Presigner;
use super::s3::S3;
use super::settings::Settings;
use super::upload::{PartSizes, Upload};
use crate::error::PackageError;
use crate::key::ObjectKey;

/// A directory takes parts of any size, so memory can be spared.
const LOCAL_UPLOAD_BYTES: usize = 1024 * 1024;

/// A place for packages. Cheap to clone.
#[derive(Clone)]
pub struct PackageStore {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) presigner: Option<Presigner>,
    /// Where keys are no paths, and objects may have versions.
    pub(super) s3: Option<S3>,
    /// The directory, when the store is one.
    local_root: Option<PathBuf>,
    part_bytes: usize,
}

/// The clients know credentials, so they are not shown.
impl fmt::Debug for PackageStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackageStore")
            .field("local_root", &self.local_root)
            .field("signs_links", &self.signs_links())
            .field("part_bytes", &self.part_bytes)
            .finish_non_exhaustive()
    }
}

impl PackageStore {
    /// Opens `file:///directory` (created when missing, readable by its owner only),
    /// `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` or `memory:///`.
    ///
    /// A directory takes the option `fsync` alone: `true`, the default, makes a finished object
    /// survive a power cut; `false` leaves that to chance. A bucket takes ours: `part_bytes` (the
    /// size that the parts of an upload begin with, 8 MiB), `max_retries` (10), `retry_timeout`
    /// (2m, after which no try begins), `presign` (`true`: the store signs links itself where it
    /// can) and, for S3, `public_endpoint` (where people reach it, if not where we do). All others
    /// are those of the `object_store` crate, for instance `aws_region`, `aws_access_key_id`,
    /// `connect_timeout` (5s) and `read_timeout` (30s).
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
            "memory" => {
                let objects = Arc::new(InMemory::new());
                let part_bytes = LOCAL_UPLOAD_BYTES;
                Ok(Self { objects, presigner: None, s3: None, local_root: None, part_bytes })
            }
            _ => {
                let settings = Settings::read(options)?;
                let Cloud { objects, presigner, s3 } = cloud::open(&url, &settings)?;
                Ok(Self { objects, presigner, s3, local_root: None, part_bytes: settings.part_bytes })
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
        Ok(Self {
            objects: Arc::new(objects),
            presigner: None,
            s3: None,
            local_root: Some(root),
            part_bytes: LOCAL_UPLOAD_BYTES,
        })
    }

    /// The directory, when the store is one.
    #[must_use]
    pub fn local_root(&self) -> Option<&FilePath> {
        self.local_root.as_deref()
    }

    /// Whether the store signs links itself, as far as is known before it is asked to.
    #[must_use]
    pub const fn signs_links(&self) -> bool {
        self.presigner.is_some()
    }

    /// An upload of unknown length. Its parts grow, so that 5 TiB fit into 10,000 of them.
    pub(crate) fn upload(&self, key: &ObjectKey) -> Upload {
        let sizes = match self.local_root {
            // No limit on their number, so no need for larger ones.
            Some(_) => PartSizes::equal(self.part_bytes),
            None => PartSizes::growing(self.part_bytes),
        };
        Upload::new(Arc::clone(&self.objects), key.clone(), sizes)
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

pub(super) fn unusable(source: impl std::error::Error + Send + Sync + 'static) -> PackageError {
    PackageError::StoreUrl(Box::new(source))
}
