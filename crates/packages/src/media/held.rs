//! A media object that is small enough to be held in memory, made ready for its entry.

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};

use crate::archive::Method;
use crate::digest::Sha256Digest;
use crate::error::PackageError;
use crate::part::{Extent, FINAL_BLOCK, compress_once, length};

/// Up to so many bytes an object is held in memory.
pub(super) const HELD_BYTES: usize = 4 * 1024 * 1024;
/// Up to so many bytes compressing takes no longer than handing them to another thread.
pub(super) const TINY_BYTES: usize = 1024;
/// As for rows.
pub(super) const LEVEL: u32 = 2;
/// What tells whether an object is worth compressing.
const SAMPLE_BYTES: usize = 64 * 1024;

/// The beginning of an object, or all of it.
pub(super) struct Head {
    pub(super) content: Vec<u8>,
    /// Whether nothing follows.
    pub(super) is_whole: bool,
}

/// Reads until the object ends or is too large to be held.
pub(super) async fn read_head<E>(
    content: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
) -> Result<Head, E> {
    let mut head = Vec::new();
    while let Some(chunk) = content.try_next().await? {
        head.extend_from_slice(&chunk);
        if head.len() > HELD_BYTES {
            return Ok(Head { content: head, is_whole: false });
        }
    }
    Ok(Head { content: head, is_whole: true })
}

/// An object as its entry holds it.
pub(super) struct Packed {
    pub(super) method: Method,
    pub(super) body: Vec<u8>,
    pub(super) extent: Extent,
    pub(super) sha256: Sha256Digest,
}

/// Compresses what becomes at least 5 % smaller by it; most media are compressed already.
pub(super) fn pack(content: Vec<u8>) -> Result<Packed, PackageError> {
    let (crc32, sha256) = (crc32fast::hash(&content), Sha256Digest::of(&content));
    let uncompressed_bytes = length(&content);
    // A few dozen bytes never become fewer, and of many a sample tells.
    let is_worth_it = match content.len() {
        0..64 => false,
        64..=SAMPLE_BYTES => true,
        _ => is_compressible(&content)?,
    };
    let deflated = match is_worth_it {
        true => {
            let mut deflated = compress_once(&content, LEVEL)?;
            deflated.extend_from_slice(&FINAL_BLOCK);
            Some(deflated).filter(|deflated| is_smaller(deflated.len(), content.len()))
        }
        false => None,
    };
    let (method, body) = match deflated {
        Some(deflated) => (Method::Deflate, deflated),
        None => (Method::Stored, content),
    };
    let extent = Extent { uncompressed_bytes, archived_bytes: length(&body), crc32 };
    Ok(Packed { method, body, extent, sha256 })
}

/// Whether the beginning of a content becomes smaller.
pub(super) fn is_compressible(content: &[u8]) -> Result<bool, PackageError> {
    let sample = content.get(..SAMPLE_BYTES).unwrap_or(content);
    Ok(is_smaller(compress_once(sample, 1)?.len(), sample.len()))
}

const fn is_smaller(compressed: usize, uncompressed: usize) -> bool {
    compressed < uncompressed - uncompressed / 20
}
