//! Putting segments of media into the archive, and the list of what they hold.

use super::record::DosTime;
use super::writer::ArchiveWriter;
use crate::error::PackageError;
use crate::media::{IndexReader, MediaLine, MediaSegment, Place};
use crate::part::{FINAL_BLOCK, PartOptions, PartWriter};

/// The path of the list of the media: an array, one object a line.
pub const MEDIA_INDEX_PATH: &str = "media/index.json";

impl ArchiveWriter {
    /// Copies the objects of a segment into the archive, each under the path that it was given
    /// when it was read. [`finish`](Self::finish) adds the list of them.
    ///
    /// # Errors
    /// When a path is taken, when the segment is missing or not what was recorded, or when the
    /// store fails.
    pub async fn add_segment(&mut self, segment: &MediaSegment) -> Result<(), PackageError> {
        let modified = DosTime::from(segment.modified_at);
        let start = self.output.written_bytes();
        if segment.held_bytes > 0 {
            self.output.copy(&segment.key, segment.held_bytes).await?;
        }
        let mut index = IndexReader::open(self.output.store(), segment).await?;
        while let Some(line) = index.next().await? {
            self.directory.check(&line.object.path)?;
            self.list(&line).await?;
            let mut entry = line.entry();
            match line.place {
                Place::Held { offset } => entry.offset = start + offset,
                Place::Apart { key, size_bytes } => {
                    entry.offset = self.output.written_bytes();
                    self.output.write(&entry.local_header(modified)).await?;
                    self.output.copy(&key, size_bytes).await?;
                    self.output.write(&FINAL_BLOCK).await?;
                }
            }
            self.directory.push(&entry, modified);
        }
        Ok(())
    }

    async fn list(&mut self, line: &MediaLine) -> Result<(), PackageError> {
        let (key, store) = (self.key.beside("media-index"), self.output.store());
        let listing = self.listing.get_or_insert_with(|| {
            let mut listing = PartWriter::new(store, key, &PartOptions::default());
            listing.buffer().push(b'[');
            listing
        });
        let is_first = listing.uncompressed_bytes() == 1;
        let buffer = listing.buffer();
        buffer.extend_from_slice(if is_first { b"\n" } else { b",\n" });
        serde_json::to_writer(buffer, &line.object).map_err(PackageError::Manifest)?;
        if listing.is_full() {
            listing.dispatch().await?;
        }
        Ok(())
    }

    pub(super) async fn close_listing(&mut self) -> Result<(), PackageError> {
        let Some(mut listing) = self.listing.take() else {
            return Ok(());
        };
        listing.buffer().extend_from_slice(b"\n]\n");
        let listing = listing.finish(0).await?;
        self.add_part(MEDIA_INDEX_PATH, listing).await
    }
}
