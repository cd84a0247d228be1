//! How large the parts of an upload are: an object of 5 TiB in at most 10,000 of them.

/// So many parts have the first size; of an object of unknown length, later ones grow.
const EQUAL_PARTS: u64 = 1_000;
/// After so many further parts, parts have grown by the first size once more. With 8 MiB the
/// 10,000th part is 1.2 GiB and all together are 5.3 TiB.
const GROWTH: u64 = 60;
/// Ten per cent below the limit, for objects that get longer than expected.
const MOST_EXPECTED: u64 = 9_000;

/// The sizes of the parts of one upload.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct PartSizes {
    first: usize,
    grow: bool,
}

impl PartSizes {
    /// All of one size.
    pub(in crate::store) const fn equal(size: usize) -> Self {
        Self { first: size, grow: false }
    }

    /// Of `first` bytes, growing when there are many.
    pub(in crate::store) const fn growing(first: usize) -> Self {
        Self { first, grow: true }
    }

    /// For an object of about that length: as before where it fits, or all as large as it needs.
    pub(in crate::store) fn expecting(self, bytes: u64) -> Self {
        let needed = usize::try_from(bytes.div_ceil(MOST_EXPECTED)).unwrap_or(usize::MAX);
        match self.grow && needed > self.first {
            true => Self::equal(needed),
            false => self,
        }
    }

    /// The size of the part after `sent` others.
    pub(in crate::store) fn of(self, sent: u64) -> usize {
        let steps = match self.grow {
            true => sent.saturating_sub(EQUAL_PARTS) / GROWTH,
            false => 0,
        };
        let times = usize::try_from(steps).unwrap_or(usize::MAX).saturating_add(1);
        self.first.saturating_mul(times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;
    const TIB: u64 = 1 << 40;

    fn all(sizes: PartSizes) -> u64 {
        (0..10_000).map(|sent| u64::try_from(sizes.of(sent)).unwrap()).sum()
    }

    #[test]
    fn the_largest_object_fits_into_ten_thousand_parts() {
        let growing = PartSizes::growing(8 * MIB);
        assert_eq!(growing.of(0), 8 * MIB);
        assert_eq!(growing.of(1_059), 8 * MIB);
        assert_eq!(growing.of(1_060), 16 * MIB);
        assert!(all(growing) >= 5 * TIB);
        assert!(growing.of(9_999) < 5 * 1024 * MIB, "no part is larger than allowed");
        let sized = PartSizes::growing(8 * MIB).expecting(5 * TIB);
        assert!(all(sized) >= 5 * TIB && sized.of(9_999) < 640 * MIB);
    }

    #[test]
    fn an_object_that_fits_has_parts_of_the_first_size() {
        let sizes = PartSizes::growing(8 * MIB).expecting(60 << 30);
        assert_eq!(sizes.of(0), 8 * MIB);
        assert_eq!(PartSizes::equal(MIB).expecting(5 * TIB).of(9_999), MIB, "a directory has no limit");
        assert_eq!(
            PartSizes::growing(8 * MIB).expecting(100 << 30).of(9_999),
            (100_usize << 30).div_ceil(9_000)
        );
    }
}
