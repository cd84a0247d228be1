//! Links that the store itself signs: downloads that do not go through us.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer};
use url::Url;

use super::disposition::attachment;
use super::failure::failed;
use super::open::PackageStore;
use crate::error::PackageError;
use crate::key::ObjectKey;

/// Signature version 4 allows no more.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Who signs links to the objects of a bucket.
#[derive(Clone)]
pub(super) struct Presigner {
    pub signer: Arc<dyn Signer>,
    /// What stands before our keys in the bucket.
    pub prefix: Path,
    /// Whether a link can say under which name the download is saved.
    pub names_downloads: bool,
    /// Whether credentials that cannot sign are something to live with.
    pub may_be_unable: bool,
}

impl fmt::Debug for Presigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presigner").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl PackageStore {
    /// A link to an object, good for `valid_for` (7 days at most) without any credentials, that
    /// saves it as `file_name`. `None` when the store signs no links: then sign one of our own.
    ///
    /// Whether there is such an object is not looked at. Credentials that end earlier, as those of
    /// a cloud's instance do, end the link with them.
    ///
    /// # Errors
    /// When the store's credentials cannot be had.
    pub async fn presign(
        &self,
        key: &ObjectKey,
        valid_for: Duration,
        file_name: &str,
    ) -> Result<Option<Url>, PackageError> {
        let Some(presigner) = &self.presigner else {
            return Ok(None);
        };
        match presigner.sign(key, valid_for.min(LONGEST), file_name).await {
            Ok(url) => Ok(Some(url)),
            Err(error) if presigner.may_be_unable => {
                tracing::warn!(%error, "the package store cannot sign links with these credentials; ours are handed out");
                Ok(None)
            }
            Err(source) => Err(failed("sign a link to", key.as_str(), source)),
        }
    }
}

impl Presigner {
    async fn sign(
        &self,
        key: &ObjectKey,
        valid_for: Duration,
        file_name: &str,
    ) -> Result<Url, object_store::Error> {
        let path: Path = self.prefix.parts().chain(key.path().parts()).collect();
        if !self.names_downloads {
            return self.signer.signed_url(Method::GET, &path, valid_for).await;
        }
        let options = SignedUrlOptions::new().with_query([
            ("response-content-disposition", attachment(file_name).as_str()),
            ("response-content-type", crate::encrypt::media_type(file_name)),
        ]);
        self.signer.signed_url_opts(Method::GET, &path, valid_for, &options).await
    }
}
