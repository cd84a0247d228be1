//! Writing an object of unknown length piece by piece, in bounded memory.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use tokio::io::AsyncWriteExt as _;

use super::failure::{failed, from_io};
use crate::error::PackageError;
use crate::key::ObjectKey;

/// One request may be under way while the next part is filled.
const REQUESTS: usize = 2;

/// An object that becomes visible when [`finish`](Self::finish) succeeds, and not before. Dropped
/// without it, the upload is aborted in the background.
pub(crate) struct Upload {
    key: ObjectKey,
    /// Taken when the upload has ended.
    writer: Option<BufWriter>,
}

impl Upload {
    pub(super) fn new(objects: Arc<dyn ObjectStore>, key: ObjectKey, part_bytes: usize) -> Self {
        let writer = BufWriter::with_capacity(objects, key.path(), part_bytes).with_max_concurrency(REQUESTS);
        let writer = Some(writer);
        Self { key, writer }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), PackageError> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let written = writer.write_all(bytes).await;
        written.map_err(|error| failed("write", self.key.as_str(), from_io(error)))
    }

    pub(crate) async fn finish(mut self) -> Result<(), PackageError> {
        let Some(mut writer) = self.writer.take() else {
            return Ok(());
        };
        let finished = writer.shutdown().await;
        finished.map_err(|error| failed("write", self.key.as_str(), from_io(error)))
    }

    /// Removes what was uploaded. Failing to do so is no reason to fail: whoever aborts has a
    /// better error to report, and what is left behind is invisible and found by the sweep.
    pub(crate) async fn abort(mut self) {
        if let Some(writer) = self.writer.take() {
            abort(writer, self.key.clone()).await;
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(writer), Ok(runtime)) = (self.writer.take(), runtime) {
            runtime.spawn(abort(writer, self.key.clone()));
        }
    }
}

async fn abort(mut writer: BufWriter, key: ObjectKey) {
    if let Err(error) = writer.abort().await {
        tracing::warn!(object.key = %key, %error, "could not abort an upload");
    }
}
