//! Writing an object of unknown length piece by piece, in bounded memory.

use std::sync::Arc;

use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload, PutPayloadMut};
use tokio::task::JoinSet;

use super::failure::{failed, from_io};
use crate::error::PackageError;
use crate::key::ObjectKey;

mod part_sizes;

pub(super) use part_sizes::PartSizes;

/// Parts under way while the next one is filled.
const REQUESTS: usize = 2;
/// Pieces that a part is collected in.
const BLOCK_BYTES: usize = 256 * 1024;

/// An object that becomes visible when [`finish`](Self::finish) succeeds, and not before. Dropped
/// without it, the upload is aborted in the background.
pub(crate) struct Upload {
    objects: Arc<dyn ObjectStore>,
    key: ObjectKey,
    sizes: PartSizes,
    buffer: PutPayloadMut,
    written_bytes: u64,
    /// There once the object is larger than one part.
    parts: Option<Parts>,
}

/// A multipart upload under way.
struct Parts {
    upload: Box<dyn MultipartUpload>,
    sent: u64,
    under_way: JoinSet<object_store::Result<()>>,
}

impl Upload {
    pub(super) fn new(objects: Arc<dyn ObjectStore>, key: ObjectKey, sizes: PartSizes) -> Self {
        Self { objects, key, sizes, buffer: empty(), written_bytes: 0, parts: None }
    }

    /// Says about how long the object will be, before the first byte: its parts are then all of one
    /// size. That takes less memory than growing ones for an object of many GiB, and suits stores
    /// that want equal parts.
    pub(crate) fn expect(&mut self, bytes: u64) {
        if self.written_bytes == 0 {
            self.sizes = self.sizes.expecting(bytes);
        }
    }

    /// Adds bytes. After an error nothing but [`abort`](Self::abort) makes sense.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), PackageError> {
        loop {
            let sent = self.parts.as_ref().map_or(0, |parts| parts.sent);
            let room = self.sizes.of(sent).saturating_sub(self.buffer.content_length());
            let Some((now, later)) = bytes.split_at_checked(room) else {
                self.add(bytes);
                return Ok(());
            };
            self.add(now);
            // A part leaves when more follows it, so that one part alone is no multipart upload.
            if later.is_empty() {
                return Ok(());
            }
            self.send().await.map_err(|source| self.failed(source))?;
            bytes = later;
        }
    }

    /// Makes the object visible.
    pub(crate) async fn finish(mut self) -> Result<(), PackageError> {
        match self.complete().await {
            Ok(()) => {
                self.parts = None;
                Ok(())
            }
            Err(source) => {
                let error = self.failed(source);
                self.abort().await;
                Err(error)
            }
        }
    }

    /// Removes what was uploaded. Failing to do so is no reason to fail: whoever aborts has a
    /// better error to report, and what is left behind is invisible and found by the sweep.
    pub(crate) async fn abort(mut self) {
        if let Some(parts) = self.parts.take() {
            abort(parts, self.key.clone()).await;
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.written_bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    }

    fn failed(&self, source: object_store::Error) -> PackageError {
        failed("write", self.key.as_str(), source)
    }

    /// Sends what was collected as the next part, when one of those under way is through.
    async fn send(&mut self) -> object_store::Result<()> {
        let payload = self.take();
        let parts = match &mut self.parts {
            Some(parts) => parts,
            None => {
                let upload = self.objects.put_multipart(&self.key.path()).await?;
                self.parts.insert(Parts { upload, sent: 0, under_way: JoinSet::new() })
            }
        };
        while parts.under_way.len() >= REQUESTS {
            parts.wait().await?;
        }
        parts.sent += 1;
        let part = parts.upload.put_part(payload);
        parts.under_way.spawn(part);
        Ok(())
    }

    async fn complete(&mut self) -> object_store::Result<()> {
        if self.parts.is_none() {
            let payload = self.take();
            self.objects.put(&self.key.path(), payload).await?;
            return Ok(());
        }
        self.send().await?;
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        while !parts.under_way.is_empty() {
            parts.wait().await?;
        }
        let Err(error) = parts.upload.complete().await else {
            return Ok(());
        };
        // When the answer to a completion is lost, its repetition finds no upload any more. Nobody
        // else writes this key: an object of this length is the one just written.
        match self.objects.head(&self.key.path()).await {
            Ok(found) if found.size == self.written_bytes => Ok(()),
            _ => Err(error),
        }
    }

    fn take(&mut self) -> PutPayload {
        std::mem::replace(&mut self.buffer, empty()).freeze()
    }
}

impl Parts {
    async fn wait(&mut self) -> object_store::Result<()> {
        match self.under_way.join_next().await {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(error)) => Err(from_io(std::io::Error::other(error))),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(parts), Ok(runtime)) = (self.parts.take(), runtime) {
            runtime.spawn(abort(parts, self.key.clone()));
        }
    }
}

async fn abort(mut parts: Parts, key: ObjectKey) {
    // A part that arrives after the abort would stay behind.
    parts.under_way.shutdown().await;
    if let Err(error) = parts.upload.abort().await {
        tracing::warn!(object.key = %key, %error, "could not abort an upload");
    }
}

fn empty() -> PutPayloadMut {
    PutPayloadMut::new().with_block_size(BLOCK_BYTES)
}
