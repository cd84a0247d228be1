//! The SHA-256 of a joined file, found by reading and inflating its parts once.
//!
//! Reading happens on the caller's task, inflating and hashing on one blocking thread beside it;
//! between them stand a few chunks, so memory is the same whatever the size of the file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::block::length;
use super::content::StoredPart;
use super::joined::{JoinedFile, Stretch};
use super::read::ExactRead;
use crate::digest::Sha256Digest;
use crate::error::PackageError;
use crate::store::PackageStore;

/// How many chunks may wait for the thread.
const CHUNKS_AHEAD: usize = 4;
/// How much is inflated at a time.
const INFLATED_BYTES: usize = 128 * 1024;

impl JoinedFile {
    /// Reads every part once and answers the SHA-256 of the file. `progress` is called now and
    /// then with the number of uncompressed bytes that were hashed so far. Of a file that is one
    /// whole part the SHA-256 is known, and nothing is read.
    ///
    /// # Errors
    /// When a part is missing or does not hold what was recorded of it, or the store fails.
    pub async fn digest(
        &self,
        store: &PackageStore,
        mut progress: impl FnMut(u64),
    ) -> Result<Sha256Digest, PackageError> {
        if let Some(whole) = self.as_whole() {
            return Ok(whole.content.sha256);
        }
        let hashed_bytes = Arc::new(AtomicU64::new(0));
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        let hashing = Hashing::new(Arc::clone(&hashed_bytes));
        let hashing = tokio::task::spawn_blocking(move || hashing.run(receiver));
        let fed = self.feed(store, sender, || progress(hashed_bytes.load(Ordering::Relaxed))).await;
        let hashed = hashing.await.map_err(|error| PackageError::Compression(Box::new(error)))?;
        // What the thread says of a part that could not be read to its end is of no interest.
        fed?;
        progress(hashed_bytes.load(Ordering::Relaxed));
        hashed
    }

    async fn feed(
        &self,
        store: &PackageStore,
        sender: mpsc::Sender<Fed>,
        mut progress: impl FnMut(),
    ) -> Result<(), PackageError> {
        for stretch in self.stretches() {
            let begun = match stretch {
                Stretch::Text(text) => Fed::Text(text.to_owned()),
                Stretch::Part(part) => Fed::Part(Box::new(part.clone())),
            };
            // The thread stops listening when it has found something wrong.
            if sender.send(begun).await.is_err() {
                return Ok(());
            }
            let Stretch::Part(part) = stretch else { continue };
            let mut read = ExactRead::open(store, &part.key, part.content.compressed_bytes).await?;
            while let Some(chunk) = read.next().await? {
                if sender.send(Fed::Chunk(chunk)).await.is_err() {
                    return Ok(());
                }
                progress();
            }
        }
        Ok(())
    }
}

/// What the thread is given, in the order of the file.
enum Fed {
    Text(String),
    Part(Box<StoredPart>),
    /// Of the part announced last.
    Chunk(Bytes),
}

struct Hashing {
    sha256: Sha256,
    inflate: Decompress,
    buffer: Vec<u8>,
    part: Option<OpenPart>,
    hashed_bytes: Arc<AtomicU64>,
}

struct OpenPart {
    recorded: Box<StoredPart>,
    crc32: crc32fast::Hasher,
    found_bytes: u64,
}

impl Hashing {
    fn new(hashed_bytes: Arc<AtomicU64>) -> Self {
        let (sha256, inflate) = (Sha256::new(), Decompress::new(false));
        Self { sha256, inflate, buffer: vec![0; INFLATED_BYTES], part: None, hashed_bytes }
    }

    fn run(mut self, mut receiver: mpsc::Receiver<Fed>) -> Result<Sha256Digest, PackageError> {
        while let Some(fed) = receiver.blocking_recv() {
            match fed {
                Fed::Text(text) => {
                    self.end_part()?;
                    self.sha256.update(text.as_bytes());
                    self.hashed_bytes.fetch_add(length(text.as_bytes()), Ordering::Relaxed);
                }
                Fed::Part(recorded) => {
                    self.end_part()?;
                    // A part refers to nothing before it.
                    self.inflate.reset(false);
                    self.part = Some(OpenPart { recorded, crc32: crc32fast::Hasher::new(), found_bytes: 0 });
                }
                Fed::Chunk(chunk) => self.inflate_chunk(&chunk)?,
            }
        }
        self.end_part()?;
        Ok(self.sha256.finalize().into())
    }

    fn inflate_chunk(&mut self, mut chunk: &[u8]) -> Result<(), PackageError> {
        let Some(part) = &mut self.part else {
            return Ok(());
        };
        loop {
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(chunk, &mut self.buffer, FlushDecompress::None);
            let consumed = usize::try_from(self.inflate.total_in() - read).unwrap_or(usize::MAX);
            let produced = usize::try_from(self.inflate.total_out() - written).unwrap_or(usize::MAX);
            // An end inside a part would hide the parts behind it.
            if !matches!(status, Ok(Status::Ok | Status::BufError)) {
                return Err(part.damaged("is not the DEFLATE stream that was written"));
            }
            let inflated = self.buffer.get(..produced).unwrap_or_default();
            part.absorb(inflated)?;
            self.sha256.update(inflated);
            self.hashed_bytes.fetch_add(length(inflated), Ordering::Relaxed);
            chunk = chunk.get(consumed..).unwrap_or_default();
            let stands_still = consumed == 0 && produced == 0;
            if stands_still && !chunk.is_empty() {
                return Err(part.damaged("is not the DEFLATE stream that was written"));
            }
            // With room left in the buffer there is nothing more to come of this chunk.
            if stands_still || (chunk.is_empty() && produced < self.buffer.len()) {
                return Ok(());
            }
        }
    }

    fn end_part(&mut self) -> Result<(), PackageError> {
        self.part.take().map_or(Ok(()), OpenPart::end)
    }
}

impl OpenPart {
    fn absorb(&mut self, inflated: &[u8]) -> Result<(), PackageError> {
        self.crc32.update(inflated);
        self.found_bytes += length(inflated);
        match self.found_bytes > self.recorded.content.uncompressed_bytes {
            true => Err(self.damaged("inflates to more bytes than were recorded")),
            false => Ok(()),
        }
    }

    fn end(self) -> Result<(), PackageError> {
        if self.found_bytes != self.recorded.content.uncompressed_bytes {
            return Err(self.damaged("inflates to fewer bytes than were recorded"));
        }
        match self.crc32.clone().finalize() == self.recorded.content.crc32 {
            true => Ok(()),
            false => Err(self.damaged("does not have the CRC-32 that was recorded")),
        }
    }

    fn damaged(&self, reason: &'static str) -> PackageError {
        PackageError::Damaged { key: self.recorded.key.clone(), reason }
    }
}
