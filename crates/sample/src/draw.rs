//! Chance that can be repeated: every row draws from a stream of its own, named by seed, table, organisation and row.

use std::convert::Infallible;

use fake::rand::TryRng;

/// First numbers of the paths that name streams, so that no two uses share one.
pub(crate) mod stream {
    pub(crate) const WORDS: u64 = 0;
    pub(crate) const ORGANISATION: u64 = 1;
    pub(crate) const CONVERSATION_TIME: u64 = 2;
    pub(crate) const MESSAGE_TIME: u64 = 3;
    pub(crate) const PERSON: u64 = 4;
    pub(crate) const ORGANISATION_KEY: u64 = 10;
    pub(crate) const CONVERSATION_KEY: u64 = 11;
    pub(crate) const MEDIA_ASSET_KEY: u64 = 12;
    pub(crate) const DEVICE_KEY: u64 = 13;
    pub(crate) const TOKEN_KEY: u64 = 14;
    /// Tables count from here.
    pub(crate) const ROWS: u64 = 100;
}

/// A stream of pseudo-random numbers (SplitMix64). Fast, portable, and worthless for secrets.
///
/// The generators of `rand` are not used because their output may change with a version.
#[derive(Debug, Clone)]
pub(crate) struct Draw {
    state: u64,
}

impl Draw {
    /// The stream that belongs to `path`: the sample's seed, one of [`stream`], the organisation's place, the row's.
    pub(crate) fn of(path: [u64; 4]) -> Self {
        let mut draw = Self { state: 0 };
        for part in path {
            draw.state = draw.next() ^ part;
        }
        draw
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to `bound` − 1; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let wide = (u128::from(self.next()) * u128::from(bound)) >> 64;
        u64::try_from(wide).unwrap_or_default()
    }

    /// True once in `times` on average.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of `items`, or `None` of an empty list.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let length = u64::try_from(items.len()).unwrap_or_default();
        items.get(usize::try_from(self.below(length)).unwrap_or_default())
    }

    /// One of `texts`, or '' of an empty list.
    pub(crate) fn text<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        self.pick(texts).copied().unwrap_or_default()
    }

    /// Random bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            for (to, from) in chunk.iter_mut().zip(self.next().to_le_bytes()) {
                *to = from;
            }
        }
        bytes
    }
}

/// Lets the `fake` crate draw from this stream.
impl TryRng for Draw {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::try_from(self.next() >> 32).unwrap_or_default())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            for (to, from) in chunk.iter_mut().zip(self.next().to_le_bytes()) {
                *to = from;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_never_changes() {
        let mut draw = Draw::of([1, 2, 3, 4]);
        let first = [draw.next(), draw.next()];
        assert_eq!(first, [Draw::of([1, 2, 3, 4]).next(), first[1]]);
        assert_ne!(first[0], Draw::of([1, 2, 4, 3]).next());
        assert_ne!(first[0], Draw::of([2, 1, 3, 4]).next());
    }

    #[test]
    fn bounds_hold() {
        let mut draw = Draw::of([7, 0, 0, 0]);
        let mut seen = [0_u32; 6];
        for _ in 0..6_000 {
            seen[usize::try_from(draw.below(6)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|&count| (800..1_200).contains(&count)), "{seen:?}");
        assert_eq!(draw.below(0), 0);
        assert_eq!(draw.pick::<u8>(&[]), None);
        assert_eq!(draw.text(&[]), "");
    }

    /// Reference values of SplitMix64 for the seed 1234567.
    #[test]
    fn the_generator_is_splitmix64() {
        let mut draw = Draw { state: 1_234_567 };
        assert_eq!(
            [draw.next(), draw.next(), draw.next()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }
}
