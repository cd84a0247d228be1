//! Takes encoded bytes, hashes and compresses them block by block, and stores the result.
//!
//! Blocks are compressed on tokio's blocking threads, several at once, and written in order. So
//! reading, encoding and compressing overlap, one file uses as many cores as it may have blocks in
//! flight, and memory is bounded by them whatever the size of the file.

use std::collections::VecDeque;
use std::num::NonZero;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::block::{Block, WINDOW_BYTES, length};
use super::content::{Content, Part, StoredPart};
use super::spare::SPARE;
use crate::error::PackageError;
use crate::key::ObjectKey;
use crate::store::{PackageStore, Upload};

/// How a part is compressed and how much memory that may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartOptions {
    /// The DEFLATE level, 1 (fastest) to 9 (smallest); 0 stores what would not become smaller.
    pub level: u32,
    /// How many bytes are compressed at once.
    pub block_bytes: usize,
    /// How many blocks may be compressing while the next one is filled.
    pub blocks_in_flight: usize,
    /// A part that compresses to at most so many bytes is kept in memory; 0 stores every part.
    pub memory_limit_bytes: usize,
}

/// Measured with the benchmark of this crate: level 2 gives files a quarter smaller than level 1
/// and compresses at 0.6 of its speed, level 3 gains another 7 % and loses another quarter of the
/// speed. Every block also costs another look at the 32 KiB before it, which larger blocks spread.
impl Default for PartOptions {
    fn default() -> Self {
        // As many blocks as there are cores to compress them: more would only wait, in memory.
        let cores = std::thread::available_parallelism().map_or(2, NonZero::get);
        Self {
            level: 2,
            block_bytes: 512 * 1024,
            blocks_in_flight: cores.clamp(2, 4),
            memory_limit_bytes: 1024 * 1024,
        }
    }
}

/// Writes one part.
///
/// Append to [`buffer`](Self::buffer); when [`is_full`](Self::is_full), call
/// [`dispatch`](Self::dispatch); at the end [`finish`](Self::finish) or [`abort`](Self::abort).
pub struct PartWriter {
    options: PartOptions,
    filling: Block,
    in_flight: VecDeque<JoinHandle<Result<Block, PackageError>>>,
    /// Travels from block to block: SHA-256 must see them in order, each on its own thread.
    hasher: oneshot::Receiver<Sha256>,
    crc32: crc32fast::Hasher,
    dispatched_bytes: u64,
    compressed_bytes: u64,
    sink: Sink,
}

/// Where compressed bytes go: memory first, an upload once they are too many for it.
struct Sink {
    store: PackageStore,
    key: ObjectKey,
    memory: Vec<u8>,
    upload: Option<Upload>,
}

impl PartWriter {
    /// A writer whose part is stored under `key`, unless it stays small enough for memory.
    #[must_use]
    pub fn new(store: &PackageStore, key: ObjectKey, options: &PartOptions) -> Self {
        Self {
            options: *options,
            filling: SPARE.take(options.level, options.block_bytes),
            in_flight: VecDeque::new(),
            hasher: handed_over(Sha256::new()),
            crc32: crc32fast::Hasher::new(),
            dispatched_bytes: 0,
            compressed_bytes: 0,
            sink: Sink { store: store.clone(), key, memory: Vec::new(), upload: None },
        }
    }

    /// Append content here.
    pub const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.filling.input
    }

    /// Whether a block is full, so that [`dispatch`](Self::dispatch) should be called.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.filling.input.len() >= self.options.block_bytes
    }

    /// How many bytes were appended so far.
    #[must_use]
    pub fn uncompressed_bytes(&self) -> u64 {
        self.dispatched_bytes + length(&self.filling.input)
    }

    /// Sends the buffer to be compressed and gives an empty one in its place. Waits for the oldest
    /// block, and for the store, only when too many are in flight.
    ///
    /// # Errors
    /// When the store or the compressor failed. The writer is then of no more use.
    pub async fn dispatch(&mut self) -> Result<(), PackageError> {
        while self.in_flight.len() >= self.options.blocks_in_flight.max(1) {
            self.absorb_oldest().await?;
        }
        let hasher = (&mut self.hasher).await.map_err(interrupted)?;
        let (hashed, next_hasher) = oneshot::channel();
        let mut block = self.next_block();
        self.hasher = next_hasher;
        self.dispatched_bytes += length(&block.input);
        self.in_flight.push_back(tokio::task::spawn_blocking(move || {
            let hasher = hasher.chain_update(&block.input);
            // Nobody receives when the writer was dropped; then the block is not wanted either.
            if hashed.send(hasher).is_ok() {
                block.compress()?;
            }
            Ok(block)
        }));
        Ok(())
    }

    /// Compresses and writes what is left and answers the part, which holds `rows` records.
    ///
    /// # Errors
    /// When the store or the compressor failed; the upload is then aborted.
    pub async fn finish(mut self, rows: u64) -> Result<Part, PackageError> {
        match self.drain().await {
            Ok(sha256) => {
                SPARE.keep(self.filling, self.options.block_bytes);
                let content = Content {
                    rows,
                    uncompressed_bytes: self.dispatched_bytes,
                    compressed_bytes: self.compressed_bytes,
                    crc32: self.crc32.finalize(),
                    sha256: sha256.finalize().into(),
                };
                self.sink.finish(content).await
            }
            Err(error) => {
                self.abort().await;
                Err(error)
            }
        }
    }

    /// Gives up and removes what was uploaded. What cannot be removed now is left to the sweep.
    pub async fn abort(self) {
        if let Some(upload) = self.sink.upload {
            upload.abort().await;
        }
    }

    async fn drain(&mut self) -> Result<Sha256, PackageError> {
        if !self.filling.input.is_empty() {
            self.dispatch().await?;
        }
        while !self.in_flight.is_empty() {
            self.absorb_oldest().await?;
        }
        (&mut self.hasher).await.map_err(interrupted)
    }

    async fn absorb_oldest(&mut self) -> Result<(), PackageError> {
        let Some(oldest) = self.in_flight.pop_front() else {
            return Ok(());
        };
        let block = oldest.await.map_err(interrupted)??;
        let crc32 = crc32fast::Hasher::new_with_initial_len(block.crc32, length(&block.input));
        self.crc32.combine(&crc32);
        self.compressed_bytes += length(&block.output);
        self.sink.write(&block.output, self.options.memory_limit_bytes).await?;
        SPARE.keep(block, self.options.block_bytes);
        Ok(())
    }

    /// Takes the filled block away, leaving an empty one that knows the end of it.
    fn next_block(&mut self) -> Block {
        let PartOptions { level, block_bytes, .. } = self.options;
        let mut next = SPARE.take(level, block_bytes);
        let input = &self.filling.input;
        let tail = input.len().saturating_sub(WINDOW_BYTES);
        next.dictionary.clear();
        next.dictionary.extend_from_slice(input.get(tail..).unwrap_or_default());
        std::mem::replace(&mut self.filling, next)
    }
}

impl Sink {
    async fn write(&mut self, bytes: &[u8], memory_limit_bytes: usize) -> Result<(), PackageError> {
        if let Some(upload) = &mut self.upload {
            return upload.write(bytes).await;
        }
        self.memory.extend_from_slice(bytes);
        if self.memory.len() > memory_limit_bytes {
            let memory = std::mem::take(&mut self.memory);
            let upload = self.upload.insert(self.store.upload(&self.key));
            upload.write(&memory).await?;
        }
        Ok(())
    }

    async fn finish(self, content: Content) -> Result<Part, PackageError> {
        match self.upload {
            None => Ok(Part::in_memory(content, Bytes::from(self.memory))),
            Some(upload) => {
                upload.finish().await?;
                Ok(StoredPart { key: self.key, content }.into())
            }
        }
    }
}

impl std::fmt::Debug for PartWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartWriter")
            .field("key", &self.sink.key)
            .field("uncompressed_bytes", &self.uncompressed_bytes())
            .finish_non_exhaustive()
    }
}

fn handed_over(hasher: Sha256) -> oneshot::Receiver<Sha256> {
    let (sender, receiver) = oneshot::channel();
    // The receiver is alive, so the hasher arrives.
    drop(sender.send(hasher));
    receiver
}

fn interrupted(source: impl std::error::Error + Send + Sync + 'static) -> PackageError {
    PackageError::Compression(Box::new(source))
}
