//! The bytes of a ZIP archive around its content: local headers, directory, end records.
//!
//! Section numbers are those of PKWARE APPNOTE.TXT 6.3.10. All numbers are little-endian.

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use serde::{Deserialize, Serialize};

use crate::part::Extent;

const LOCAL_HEADER: u32 = 0x0403_4b50;
const CENTRAL_HEADER: u32 = 0x0201_4b50;
const ZIP64_END: u32 = 0x0606_4b50;
const ZIP64_END_LOCATOR: u32 = 0x0706_4b50;
const END: u32 = 0x0605_4b50;
const ZIP64_EXTRA: u16 = 0x0001;
/// 4.4.4: names are UTF-8.
const FLAG_UTF8: u16 = 1 << 11;
/// 4.4.3: 2.0 for DEFLATE, 4.5 for ZIP64.
const VERSION_DEFLATE: u16 = 20;
const VERSION_ZIP64: u16 = 45;
/// 4.4.2: attributes are those of Unix.
const MADE_BY_UNIX: u16 = 3 << 8 | VERSION_ZIP64;
/// A regular file that its owner may read and write.
const MODE: u32 = 0o100_600 << 16;
/// 4.4.8: a 32-bit field holds this when the value stands in the ZIP64 extra field.
const IN_EXTRA_32: u32 = u32::MAX;
const IN_EXTRA_16: u16 = u16::MAX;

/// How an entry's bytes are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    Stored,
    Deflate,
}

impl Method {
    const fn code(self) -> u16 {
        match self {
            Self::Stored => 0,
            Self::Deflate => 8,
        }
    }
}

/// One entry, complete before its first byte is written.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) extent: Extent,
    /// Where its local header begins.
    pub(crate) offset: u64,
}

/// A moment in the resolution and range of ZIP: two seconds, 1980 to 2107.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DosTime {
    date: u16,
    time: u16,
}

impl DosTime {
    /// The beginning of 1980.
    pub(super) const EPOCH: Self = Self { date: 1 << 5 | 1, time: 0 };
}

impl From<DateTime<Utc>> for DosTime {
    fn from(at: DateTime<Utc>) -> Self {
        let Ok(year) = u16::try_from(at.year() - 1980) else {
            return Self::EPOCH;
        };
        let field = |value: u32| u16::try_from(value).unwrap_or(0);
        if year > 127 {
            return Self::EPOCH;
        }
        Self {
            date: year << 9 | field(at.month()) << 5 | field(at.day()),
            time: field(at.hour()) << 11 | field(at.minute()) << 5 | field(at.second() / 2),
        }
    }
}

impl Entry {
    /// 4.3.7, the local file header. Both sizes go to the extra field if one of them must (4.5.3).
    pub(crate) fn local_header(&self, modified: DosTime) -> Vec<u8> {
        let is_zip64 = !fits(self.extent.archived_bytes) || !fits(self.extent.uncompressed_bytes);
        let mut extra = Vec::new();
        if is_zip64 {
            push_zip64_extra(&[self.extent.uncompressed_bytes, self.extent.archived_bytes], &mut extra);
        }
        let size = |bytes| if is_zip64 { IN_EXTRA_32 } else { saturated(bytes) };
        let mut out = Vec::with_capacity(30 + self.path.len() + extra.len());
        push32(LOCAL_HEADER, &mut out);
        push16(if is_zip64 { VERSION_ZIP64 } else { VERSION_DEFLATE }, &mut out);
        self.push_common(
            modified,
            [size(self.extent.archived_bytes), size(self.extent.uncompressed_bytes)],
            &mut out,
        );
        push16(length16(&extra), &mut out);
        out.extend_from_slice(self.path.as_bytes());
        out.extend_from_slice(&extra);
        out
    }

    /// 4.3.12, the entry's record in the central directory.
    pub(crate) fn push_central(&self, modified: DosTime, out: &mut Vec<u8>) {
        let sizes = [self.extent.uncompressed_bytes, self.extent.archived_bytes, self.offset];
        let large: Vec<u64> = sizes.into_iter().filter(|&bytes| !fits(bytes)).collect();
        let mut extra = Vec::new();
        if !large.is_empty() {
            push_zip64_extra(&large, &mut extra);
        }
        push32(CENTRAL_HEADER, out);
        push16(MADE_BY_UNIX, out);
        push16(if large.is_empty() { VERSION_DEFLATE } else { VERSION_ZIP64 }, out);
        let narrow = [saturated(self.extent.archived_bytes), saturated(self.extent.uncompressed_bytes)];
        self.push_common(modified, narrow, out);
        push16(length16(&extra), out);
        push16(0, out); // comment length
        push16(0, out); // disk
        push16(0, out); // internal attributes
        push32(MODE, out);
        push32(saturated(self.offset), out);
        out.extend_from_slice(self.path.as_bytes());
        out.extend_from_slice(&extra);
    }

    /// What both headers share: flags to the length of the path.
    fn push_common(&self, modified: DosTime, sizes: [u32; 2], out: &mut Vec<u8>) {
        push16(FLAG_UTF8, out);
        push16(self.method.code(), out);
        push16(modified.time, out);
        push16(modified.date, out);
        push32(self.extent.crc32, out);
        for size in sizes {
            push32(size, out);
        }
        push16(length16(self.path.as_bytes()), out);
    }
}

/// 4.3.14 to 4.3.16: what ends the archive, for a directory of `count` entries that takes `size`
/// bytes from `offset` on.
pub(super) fn end_records(count: u64, size: u64, offset: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let narrow_count = u16::try_from(count).unwrap_or(IN_EXTRA_16);
    if narrow_count == IN_EXTRA_16 || !fits(size) || !fits(offset) {
        push_zip64_end([count, size, offset], &mut out);
    }
    push32(END, &mut out);
    push16(0, &mut out); // this disk
    push16(0, &mut out); // disk of the directory
    push16(narrow_count, &mut out);
    push16(narrow_count, &mut out);
    push32(saturated(size), &mut out);
    push32(saturated(offset), &mut out);
    push16(0, &mut out); // comment length
    out
}

fn push_zip64_end([count, size, offset]: [u64; 3], out: &mut Vec<u8>) {
    push32(ZIP64_END, out);
    push64(44, out); // length of what follows in this record
    push16(MADE_BY_UNIX, out);
    push16(VERSION_ZIP64, out);
    push32(0, out); // this disk
    push32(0, out); // disk of the directory
    push64(count, out);
    push64(count, out);
    push64(size, out);
    push64(offset, out);
    push32(ZIP64_END_LOCATOR, out);
    push32(0, out); // disk of the record above
    push64(offset.saturating_add(size), out);
    push32(1, out); // number of disks
}

/// 4.5.3: only the values that do not fit their 32-bit fields, in the order of the specification.
fn push_zip64_extra(values: &[u64], out: &mut Vec<u8>) {
    push16(ZIP64_EXTRA, out);
    push16(u16::try_from(values.len() * 8).unwrap_or(0), out);
    for value in values {
        push64(*value, out);
    }
}

/// Whether a 32-bit field can hold the value itself.
pub(super) fn fits(value: u64) -> bool {
    saturated(value) != IN_EXTRA_32
}

fn saturated(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(IN_EXTRA_32)
}

fn length16(bytes: &[u8]) -> u16 {
    // Paths are checked to fit and extra fields are short.
    u16::try_from(bytes.len()).unwrap_or(u16::MAX)
}

fn push16(value: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn push32(value: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn push64(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests;
