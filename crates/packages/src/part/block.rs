//! Compressing one block of a part, independent of the blocks before it but for a dictionary.

use std::sync::{Mutex, MutexGuard, PoisonError};

use flate2::{Compress, Compression, FlushCompress};

use crate::error::PackageError;

/// How far back DEFLATE can refer (RFC 1951).
pub(super) const WINDOW_BYTES: usize = 32 * 1024;

/// Blocks between two uses, by whatever part of this process. Made anew for each part they come from and go
/// to many threads, and the memory of a worker grows with the number of parts, since the C library cannot
/// give back what lies between others: by 27 % from a hundred thousand rows to five million.
static SPARE: Mutex<Vec<Block>> = Mutex::new(Vec::new());
/// No more are kept: 30 MiB of the usual size.
const MOST_SPARE: usize = 24;

/// A block and the buffers to compress it with; reused from block to block, and from part to part.
pub(super) struct Block {
    pub(super) input: Vec<u8>,
    pub(super) output: Vec<u8>,
    /// The end of the block before, so that cutting into blocks costs no compression.
    pub(super) dictionary: Vec<u8>,
    pub(super) crc32: u32,
    /// 0 stores.
    level: u32,
    /// Some 300 KiB, so made when there is something to compress.
    deflate: Option<Compress>,
}

impl Block {
    /// An empty block that takes so many bytes, and a row more, without growing: a buffer that doubles on
    /// the way holds twice what it needs.
    pub(super) fn take(level: u32, block_bytes: usize) -> Self {
        let enough = block_bytes.saturating_add(block_bytes / 8);
        let fits = |block: &Self| {
            block.level == level && (enough..=enough.saturating_mul(2)).contains(&block.input.capacity())
        };
        let mut spare = spare();
        if let Some(place) = spare.iter().position(fits) {
            return spare.swap_remove(place);
        }
        drop(spare);
        let input = Vec::with_capacity(enough);
        Self { input, output: Vec::new(), dictionary: Vec::new(), crc32: 0, level, deflate: None }
    }

    /// Keeps the block for the next who needs one, unless an enormous row has blown it up.
    pub(super) fn give_back(mut self, block_bytes: usize) {
        for buffer in [&mut self.input, &mut self.output, &mut self.dictionary] {
            buffer.clear();
            if buffer.capacity() > block_bytes.saturating_mul(2).max(WINDOW_BYTES) {
                return;
            }
        }
        let mut spare = spare();
        if spare.len() < MOST_SPARE {
            spare.push(self);
        }
    }

    /// Fills `output` with the compressed `input`, ending on a byte boundary.
    pub(super) fn compress(&mut self) -> Result<(), PackageError> {
        self.crc32 = crc32fast::hash(&self.input);
        self.output.clear();
        if self.level == 0 {
            push_stored(&self.input, &mut self.output);
            return Ok(());
        }
        let deflate = self.deflate.get_or_insert_with(|| compressor(self.level));
        deflate.reset();
        if !self.dictionary.is_empty() {
            deflate.set_dictionary(&self.dictionary).map_err(failed)?;
        }
        deflate_all(deflate, &self.input, &mut self.output)
    }
}

/// What is kept holds nothing of whoever panicked while he held it.
fn spare() -> MutexGuard<'static, Vec<Block>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Appends `content` as it is, as stored blocks (RFC 1951, 3.2.4) that begin and end on a byte
/// boundary.
pub(crate) fn push_stored(content: &[u8], output: &mut Vec<u8>) {
    for block in content.chunks(usize::from(u16::MAX)) {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        output.push(0); // not the last block, stored
        output.extend_from_slice(&length.to_le_bytes());
        output.extend_from_slice(&(!length).to_le_bytes());
        output.extend_from_slice(block);
    }
}

/// How many bytes [`push_stored`] makes of a content.
pub(crate) fn stored_bytes(content: &[u8]) -> u64 {
    let length = length(content);
    length + 5 * length.div_ceil(u64::from(u16::MAX))
}

/// The length of a slice as the formats write it.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// A short content in one go, ending on a byte boundary.
pub(crate) fn compress_once(content: &[u8], level: u32) -> Result<Vec<u8>, PackageError> {
    let mut output = Vec::new();
    deflate_all(&mut compressor(level), content, &mut output)?;
    Ok(output)
}

fn compressor(level: u32) -> Compress {
    Compress::new(Compression::new(level), false)
}

fn deflate_all(deflate: &mut Compress, input: &[u8], output: &mut Vec<u8>) -> Result<(), PackageError> {
    let start = deflate.total_in();
    loop {
        let consumed = usize::try_from(deflate.total_in() - start).map_err(failed)?;
        let rest = input.get(consumed..).unwrap_or_default();
        output.reserve((rest.len() / 4).max(1024));
        deflate.compress_vec(rest, output, FlushCompress::Sync).map_err(failed)?;
        // A flush is complete once it leaves room in the buffer.
        if output.len() < output.capacity() {
            return Ok(());
        }
    }
}

fn failed(source: impl std::error::Error + Send + Sync + 'static) -> PackageError {
    PackageError::Compression(Box::new(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The buffers of other tests in this process are of another size.
    const BYTES: usize = 12_345;
    const LEVEL: u32 = 7;

    #[test]
    fn a_block_is_used_again_empty_and_an_inflated_one_is_not() {
        let mut block = Block::take(LEVEL, BYTES);
        block.input.extend_from_slice(&[b'x'; BYTES]);
        block.dictionary.extend_from_slice(b"before");
        block.compress().unwrap();
        let place = block.input.as_ptr();
        block.give_back(BYTES);
        assert_ne!(Block::take(LEVEL + 1, BYTES).input.as_ptr(), place, "of another level");
        let mut again = Block::take(LEVEL, BYTES);
        assert_eq!(again.input.as_ptr(), place);
        assert!(again.input.is_empty() && again.output.is_empty() && again.dictionary.is_empty());
        again.input.resize(BYTES * 3, b'x');
        again.give_back(BYTES);
        assert!(Block::take(LEVEL, BYTES).input.capacity() < BYTES * 2, "given back to the system");
    }
}
