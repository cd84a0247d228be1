//! Compressing one block of a part, independent of the blocks before it but for a dictionary.

use flate2::{Compress, Compression, FlushCompress};

use crate::error::PackageError;

/// How far back DEFLATE can refer (RFC 1951).
pub(super) const WINDOW_BYTES: usize = 32 * 1024;

/// A block and the buffers to compress it with; reused from block to block, and from part to part.
pub(super) struct Block {
    pub(super) input: Vec<u8>,
    pub(super) output: Vec<u8>,
    /// The end of the block before, so that cutting into blocks costs no compression.
    pub(super) dictionary: Vec<u8>,
    pub(super) crc32: u32,
    /// 0 stores.
    pub(super) level: u32,
    /// Some 300 KiB, so made when there is something to compress.
    deflate: Option<Compress>,
}

impl Block {
    pub(super) const fn new(level: u32) -> Self {
        Self { input: Vec::new(), output: Vec::new(), dictionary: Vec::new(), crc32: 0, level, deflate: None }
    }

    /// Makes the block ready for the next input. A buffer that one enormous row has blown up is given back.
    pub(super) fn clear(&mut self, block_bytes: usize) {
        for buffer in [&mut self.input, &mut self.output] {
            buffer.clear();
            if buffer.capacity() > block_bytes.saturating_mul(2) {
                *buffer = Vec::new();
            }
        }
        self.dictionary.clear();
    }

    /// Fills `output` with the compressed `input`, ending on a byte boundary.
    pub(super) fn compress(&mut self) -> Result<(), PackageError> {
        self.crc32 = crc32fast::hash(&self.input);
        self.output.clear();
        if self.level == 0 {
            // To the byte: a buffer that doubles would be taken for one that was blown up.
            let stored = usize::try_from(stored_bytes(&self.input)).map_err(failed)?;
            self.output.reserve_exact(stored);
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
