//! Reads media into segments.

use std::pin::pin;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{Stream, TryStreamExt as _};

use super::held::{Head, LEVEL, Packed, TINY_BYTES, is_compressible, pack, read_head};
use super::path::media_path;
use super::segment::{MediaLine, MediaObject, MediaSegment, Place};
use crate::archive::{DosTime, Entry, Footprint, MEDIA_INDEX_PATH, Method, PathSet};
use crate::error::PackageError;
use crate::key::{AttemptFolder, ObjectKey};
use crate::part::{Part, PartOptions, PartWriter, StoredPart, length};
use crate::store::{PackageStore, Upload};

/// Reads the media objects of one step into segments of limited size.
///
/// Call [`add`](Self::add) for every object, then [`finish`](Self::finish). After an error, or to
/// give up, call [`abort`](Self::abort); what was completed until then is left to the sweep.
pub struct MediaWriter {
    store: PackageStore,
    folder: AttemptFolder,
    modified_at: DateTime<Utc>,
    segment_bytes: u64,
    /// Of the object in the store that was begun last.
    number: u64,
    paths: PathSet,
    open: Option<OpenSegment>,
    closed: Vec<MediaSegment>,
}

/// A segment being written.
struct OpenSegment {
    segment: MediaSegment,
    held: Option<Upload>,
    index: Upload,
}

impl MediaWriter {
    /// A writer of segments below `folder`, each of about `segment_bytes` at most; a single larger
    /// object makes a segment of its own. Segments are not cut, so where an archive is split into
    /// volumes this should be a fraction of a volume. The entries bear the time `modified_at`.
    #[must_use]
    pub fn new(
        store: &PackageStore,
        folder: &AttemptFolder,
        segment_bytes: u64,
        modified_at: DateTime<Utc>,
    ) -> Self {
        Self {
            store: store.clone(),
            folder: folder.clone(),
            modified_at,
            segment_bytes,
            number: 0,
            paths: PathSet::default(),
            open: None,
            closed: Vec::new(),
        }
    }

    /// Whether this object was added already. A collection may refer to one from many rows.
    #[must_use]
    pub fn has(&self, collection: &str, key: &str) -> bool {
        self.paths.contains(&media_path(collection, key))
    }

    /// Reads the object `key` that `collection` refers to. When its source breaks off, the inner
    /// error is the source's own, nothing of the object is kept and the next one can be added.
    ///
    /// # Errors
    /// When the object was added already, or the package store fails; the writer is then of no
    /// more use.
    pub async fn add<E>(
        &mut self,
        collection: &str,
        key: &str,
        content: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<Result<MediaObject, E>, PackageError> {
        let path = media_path(collection, key);
        if self.paths.contains(&path) {
            return Err(PackageError::EntryPath { path, reason: "it is taken" });
        }
        let mut content = pin!(content);
        let head = match read_head(&mut content).await {
            Ok(head) => head,
            Err(broken) => return Ok(Err(broken)),
        };
        let packed = match head.is_whole {
            true if head.content.len() <= TINY_BYTES => Ready::Held(pack(head.content)?),
            true => Ready::Held(blocking(move || pack(head.content)).await?),
            false => match self.store_apart(head, content).await? {
                Ok(part) => Ready::Apart(part),
                Err(broken) => return Ok(Err(broken)),
            },
        };
        let line = packed.line(path, collection, key);
        self.write(&line, packed).await?;
        self.paths.insert(&line.object.path);
        Ok(Ok(line.object))
    }

    /// Completes the last segment. Without objects there are no segments.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn finish(mut self) -> Result<Vec<MediaSegment>, PackageError> {
        self.close().await?;
        Ok(self.closed)
    }

    /// Gives up and removes what was uploaded of the segment in hand.
    pub async fn abort(self) {
        if let Some(OpenSegment { held, index, .. }) = self.open {
            if let Some(held) = held {
                held.abort().await;
            }
            index.abort().await;
        }
    }

    /// Compresses an object that is too large to be held into an object of its own.
    async fn store_apart<E>(
        &mut self,
        head: Head,
        mut content: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Result<StoredPart, E>, PackageError> {
        let head = head.content;
        let (head, is_compressible) = blocking(move || {
            let is_compressible = is_compressible(&head)?;
            Ok((head, is_compressible))
        })
        .await?;
        let level = if is_compressible { LEVEL } else { 0 };
        let options = PartOptions { level, memory_limit_bytes: 0, ..PartOptions::default() };
        let key = self.next_key();
        let mut part = PartWriter::new(&self.store, key.clone(), &options);
        let mut next = Some(Bytes::from(head));
        while let Some(chunk) = next {
            for block in chunk.chunks(options.block_bytes) {
                part.buffer().extend_from_slice(block);
                if part.is_full() {
                    part.dispatch().await?;
                }
            }
            next = match content.try_next().await {
                Ok(next) => next,
                Err(broken) => {
                    part.abort().await;
                    return Ok(Err(broken));
                }
            };
        }
        let part: Part = part.finish(0).await?;
        Ok(Ok(part.into_stored(&self.store, key).await?))
    }

    async fn write(&mut self, line: &MediaLine, ready: Ready) -> Result<(), PackageError> {
        let footprint = footprint(line)?;
        let is_full = |open: &OpenSegment| {
            open.segment.footprint.body_bytes() + footprint.body_bytes() > self.segment_bytes
        };
        if self.open.as_ref().is_some_and(is_full) {
            self.close().await?;
        }
        let modified = DosTime::from(self.modified_at);
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin(),
        };
        let mut line = line.clone();
        if let (Ready::Held(packed), Place::Held { offset }) = (ready, &mut line.place) {
            *offset = open.segment.held_bytes;
            let held = open.held.get_or_insert_with(|| self.store.upload(&open.segment.key));
            let header = line.entry().local_header(modified);
            held.write(&header).await?;
            held.write(&packed.body).await?;
            open.segment.held_bytes += length(&header) + length(&packed.body);
        }
        let mut text = serde_json::to_vec(&line).map_err(PackageError::Manifest)?;
        text.push(b'\n');
        open.index.write(&text).await?;
        open.segment.objects += 1;
        open.segment.size_bytes += line.object.size_bytes;
        open.segment.footprint = open.segment.footprint + footprint;
        self.open = Some(open);
        Ok(())
    }

    fn begin(&mut self) -> OpenSegment {
        let key = self.next_key();
        let index_key = key.beside("index");
        let index = self.store.upload(&index_key);
        let segment = MediaSegment {
            key,
            held_bytes: 0,
            index_key,
            modified_at: self.modified_at,
            objects: 0,
            size_bytes: 0,
            // The list, should this be the first segment of its archive.
            footprint: Footprint::entry(MEDIA_INDEX_PATH, 64, 64),
        };
        OpenSegment { segment, held: None, index }
    }

    async fn close(&mut self) -> Result<(), PackageError> {
        let Some(OpenSegment { segment, held, index }) = self.open.take() else {
            return Ok(());
        };
        if let Some(held) = held {
            held.finish().await?;
        }
        index.finish().await?;
        self.closed.push(segment);
        Ok(())
    }

    fn next_key(&mut self) -> ObjectKey {
        self.number += 1;
        self.folder.media(self.number)
    }
}

/// An object that can be written down: read to its end, and compressed where that helps.
enum Ready {
    Held(Packed),
    Apart(StoredPart),
}

impl Ready {
    fn line(&self, path: String, collection: &str, key: &str) -> MediaLine {
        let (method, extent, sha256, place) = match self {
            Self::Held(packed) => (packed.method, packed.extent, packed.sha256, Place::Held { offset: 0 }),
            Self::Apart(StoredPart { key, content }) => {
                let place = Place::Apart { key: key.clone(), size_bytes: content.compressed_bytes };
                (Method::Deflate, content.extent(), content.sha256, place)
            }
        };
        let (collection, key) = (collection.to_owned(), key.to_owned());
        let object = MediaObject { path, collection, key, size_bytes: extent.uncompressed_bytes, sha256 };
        MediaLine { object, method, archived_bytes: extent.archived_bytes, crc32: extent.crc32, place }
    }
}

/// The room of an entry, and of its line in the list, which never takes more than uncompressed.
fn footprint(line: &MediaLine) -> Result<Footprint, PackageError> {
    let Entry { path, extent, .. } = line.entry();
    let listed = serde_json::to_vec(&line.object).map_err(PackageError::Manifest)?;
    let entry = Footprint::entry(&path, extent.archived_bytes, extent.uncompressed_bytes);
    Ok(entry.with_bytes(length(&listed) + length(b",\n")))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PackageError> + Send + 'static,
) -> Result<T, PackageError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| PackageError::Compression(Box::new(error)))?
}

impl std::fmt::Debug for MediaWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaWriter")
            .field("folder", &self.folder)
            .field("segments", &self.closed.len())
            .finish_non_exhaustive()
    }
}
