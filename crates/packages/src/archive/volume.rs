//! Distributing the contents of an archive over volumes of a limited size.

use std::ops::{Add, Range};

use serde::{Deserialize, Serialize};

use super::record::{DosTime, Entry, Method, end_records, fits};
use crate::part::{Extent, length};

/// The room that something takes in an archive: bytes of its headers and content, and records of
/// the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Footprint {
    entries: u64,
    /// Local headers and content.
    body_bytes: u64,
    /// Records of the directory.
    directory_bytes: u64,
    /// The same when the entries begin where 32 bits do not reach.
    far_directory_bytes: u64,
}

impl Footprint {
    /// The room of one entry whose content of `uncompressed_bytes` takes `archived_bytes`. For what
    /// is not yet compressed, its length is right for both: the archive stores what does not shrink.
    #[must_use]
    pub fn entry(path: &str, archived_bytes: u64, uncompressed_bytes: u64) -> Self {
        let extent = Extent { uncompressed_bytes, archived_bytes, crc32: 0 };
        // Stored or deflated, the headers are as long.
        let near = Entry { path: path.to_owned(), method: Method::Deflate, extent, offset: 0 };
        let far = Entry { offset: u64::MAX, ..near.clone() };
        let central = |entry: &Entry| {
            let mut record = Vec::new();
            entry.push_central(DosTime::EPOCH, &mut record);
            length(&record)
        };
        Self {
            entries: 1,
            body_bytes: length(&near.local_header(DosTime::EPOCH)) + archived_bytes,
            directory_bytes: central(&near),
            far_directory_bytes: central(&far),
        }
    }

    /// The length of an archive that holds just this.
    #[must_use]
    pub fn archive_bytes(&self) -> u64 {
        Self::default().followed_by(self).closed_bytes()
    }

    pub(crate) const fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// The same with more content, no entry of its own.
    pub(crate) const fn with_bytes(mut self, more_bytes: u64) -> Self {
        self.body_bytes += more_bytes;
        self
    }

    /// What is in a volume with `item` behind it; the directory counted as it will be.
    fn followed_by(self, item: &Self) -> Self {
        // Of several entries the last may begin far behind the first.
        let reach = if item.entries == 1 { 0 } else { item.body_bytes };
        let directory_bytes = match fits(self.body_bytes + reach) {
            true => item.directory_bytes,
            false => item.far_directory_bytes,
        };
        Self {
            entries: self.entries + item.entries,
            body_bytes: self.body_bytes + item.body_bytes,
            directory_bytes: self.directory_bytes + directory_bytes,
            far_directory_bytes: self.far_directory_bytes + item.far_directory_bytes,
        }
    }

    fn closed_bytes(&self) -> u64 {
        let end = end_records(self.entries, self.directory_bytes, self.body_bytes);
        self.body_bytes + self.directory_bytes + length(&end)
    }
}

/// Both together.
impl Add for Footprint {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            body_bytes: self.body_bytes + other.body_bytes,
            directory_bytes: self.directory_bytes + other.directory_bytes,
            far_directory_bytes: self.far_directory_bytes + other.far_directory_bytes,
        }
    }
}

/// Which of `items` go into which volume: in order, none cut, and no volume longer than
/// `limit_bytes` with the directory and all headers, unless a single item is. `reserved` is what
/// stands first in every volume, for instance the manifest. There is always at least one volume.
#[must_use]
pub fn volumes(reserved: Footprint, items: &[Footprint], limit_bytes: u64) -> Vec<Range<usize>> {
    let empty = Footprint::default().followed_by(&reserved);
    let (mut volumes, mut volume, mut start) = (Vec::new(), empty, 0);
    for (at, item) in items.iter().enumerate() {
        let grown = volume.followed_by(item);
        if at > start && grown.closed_bytes() > limit_bytes {
            volumes.push(start..at);
            start = at;
            volume = empty.followed_by(item);
        } else {
            volume = grown;
        }
    }
    volumes.push(start..items.len());
    volumes
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: u64 = 5 << 30;

    #[test]
    fn a_volume_is_filled_to_the_last_byte() {
        let item = Footprint::entry("data/a.json", 1000, 5000);
        let reserved = Footprint::entry("manifest.json", 300, 300);
        let two = (reserved + item + item).archive_bytes();
        let items = [item; 5];
        assert_eq!(volumes(reserved, &items, two), [0..2, 2..4, 4..5]);
        assert_eq!(volumes(reserved, &items, two - 1), [0..1, 1..2, 2..3, 3..4, 4..5]);
        assert_eq!(volumes(reserved, &items, u64::MAX), [Range { start: 0, end: 5 }]);
        assert_eq!(volumes(reserved, &[], 0), [Range { start: 0, end: 0 }]);
    }

    #[test]
    fn what_is_too_large_gets_a_volume_of_its_own() {
        let (small, large) = (Footprint::entry("a", 10, 10), Footprint::entry("b", 5000, 5000));
        let items = [small, large, small, small];
        assert_eq!(volumes(Footprint::default(), &items, 1000), [0..1, 1..2, 2..4]);
        assert_eq!(volumes(Footprint::default(), &items[1..], 1000), [0..1, 1..3]);
    }

    #[test]
    fn the_headers_of_zip64_are_counted() {
        let near = Footprint::entry("a", 10, 10);
        assert_eq!(near.archive_bytes(), 30 + 1 + 10 + 46 + 1 + 22);
        let large = Footprint::entry("b", FAR, FAR);
        assert_eq!(large.archive_bytes(), 30 + 1 + 20 + FAR + 46 + 1 + 20 + 56 + 20 + 22);
        // What comes behind it has its offset in an extra field.
        let limit = large.archive_bytes() + 30 + 1 + 10 + 46 + 1 + 12;
        assert_eq!(volumes(Footprint::default(), &[large, near], limit), [Range { start: 0, end: 2 }]);
        assert_eq!(volumes(Footprint::default(), &[large, near], limit - 1), [0..1, 1..2]);
        let many = vec![near; 65_535];
        assert_eq!(
            volumes(Footprint::default(), &many, 65_535 * 88 + 22 + 76),
            [Range { start: 0, end: 65_535 }]
        );
        assert_eq!(volumes(Footprint::default(), &many, 65_535 * 88 + 22 + 75).len(), 2);
    }
}
