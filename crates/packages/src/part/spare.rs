//! Blocks between two uses, by whatever part of this process.
//!
//! Made anew for each part they would come from and go to many threads, and the memory of a worker grow
//! with the number of parts, since the C library cannot give back what lies between others: 61 MiB at a
//! hundred thousand rows were 79 at five million.

use std::sync::{Mutex, PoisonError};

use super::block::Block;

/// No more are kept: 30 MiB of the usual size.
const MOST: usize = 24;

/// Those of this process.
pub(super) static SPARE: Spare = Spare(Mutex::new(Vec::new()));

/// Blocks that nobody uses, the longest unused first.
pub(super) struct Spare(Mutex<Vec<Block>>);

impl Spare {
    /// An empty block that takes so many bytes, and a row more, without growing: a buffer that doubles on
    /// the way holds twice what it needs.
    pub(super) fn take(&self, level: u32, block_bytes: usize) -> Block {
        let kept = self.with(|blocks| {
            let place = blocks.iter().rposition(|block| block.level == level);
            place.map(|place| blocks.remove(place))
        });
        let mut block = kept.unwrap_or_else(|| Block::new(level));
        block.input.reserve_exact(block_bytes.saturating_add(block_bytes / 8));
        block
    }

    /// Keeps a block for the next who needs one, in the place of the longest unused if there are many.
    pub(super) fn keep(&self, mut block: Block, block_bytes: usize) {
        block.clear(block_bytes);
        let oldest = self.with(|blocks| {
            let oldest = (blocks.len() == MOST).then(|| blocks.remove(0));
            blocks.push(block);
            oldest
        });
        drop(oldest);
    }

    /// Whoever panicked while he held them left each of them whole.
    fn with<T>(&self, change: impl FnOnce(&mut Vec<Block>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 12_345;

    #[test]
    fn a_block_is_used_again_empty_and_without_what_was_blown_up() {
        let spare = Spare(Mutex::default());
        let mut block = spare.take(2, BYTES);
        block.input.extend_from_slice(&[b'x'; BYTES]);
        block.dictionary.extend_from_slice(b"before");
        block.compress().unwrap();
        let place = block.input.as_ptr();
        spare.keep(block, BYTES);
        assert_ne!(spare.take(3, BYTES).input.as_ptr(), place, "of another level");
        let mut again = spare.take(2, BYTES);
        assert_eq!(again.input.as_ptr(), place);
        assert!(again.input.is_empty() && again.output.is_empty() && again.dictionary.is_empty());
        again.input.resize(BYTES * 3, b'x');
        spare.keep(again, BYTES);
        assert!(spare.take(2, BYTES).input.capacity() < BYTES * 2);
    }

    #[test]
    fn stored_blocks_keep_their_buffers_too() {
        let spare = Spare(Mutex::default());
        let mut block = spare.take(0, 512 * 1024);
        block.input.resize(512 * 1024, b'x');
        block.compress().unwrap();
        let places = (block.input.as_ptr(), block.output.as_ptr());
        spare.keep(block, 512 * 1024);
        let again = spare.take(0, 512 * 1024);
        assert_eq!((again.input.as_ptr(), again.output.as_ptr()), places);
    }

    #[test]
    fn the_longest_unused_makes_room() {
        let spare = Spare(Mutex::default());
        for level in [8, 9] {
            let blocks: Vec<_> = (0..=MOST).map(|_| spare.take(level, BYTES)).collect();
            blocks.into_iter().for_each(|block| spare.keep(block, BYTES));
        }
        let levels: Vec<u32> = spare.with(|blocks| blocks.iter().map(|block| block.level).collect());
        assert_eq!(levels, [9; MOST]);
    }
}
