//! Finding the next byte that cannot be copied as it is, eight bytes at a time.
//!
//! Cells are short, ten to thirty bytes, where the set-up of a vector search costs more than the
//! search. Long cells are first skipped over in blocks that the compiler turns into vector code.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
const BLOCK: usize = 32;

/// The length of the longest prefix free of backslashes, double quotes and control characters.
pub(super) fn plain_in_json(cell: &[u8]) -> usize {
    prefix(cell, json_mask, |byte| (byte ^ b'"').min(byte ^ b'\\').min(byte.saturating_sub(0x1f)))
}

/// The length of the longest prefix that CSV takes unquoted and COPY has not escaped: free of
/// backslashes, double quotes and commas. (COPY always escapes line ends.)
pub(super) fn plain_in_csv(cell: &[u8]) -> usize {
    prefix(cell, csv_mask, |byte| (byte ^ b'"').min(byte ^ b'\\').min(byte ^ b','))
}

/// `zero` is 0 for special bytes only, in operations that exist for vectors; `mask` marks them in
/// eight bytes at once.
#[inline(always)]
fn prefix(cell: &[u8], mask: impl Fn(u64) -> u64, zero: impl Fn(u8) -> u8) -> usize {
    let mut rest = cell;
    while let Some((block, tail)) = rest.split_first_chunk::<BLOCK>() {
        if block.iter().fold(u8::MAX, |least, &byte| least.min(zero(byte))) == 0 {
            break;
        }
        rest = tail;
    }
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let found = mask(u64::from_le_bytes(*word));
        if found != 0 {
            return cell.len() - rest.len() + first_marked_byte(found);
        }
        rest = tail;
    }
    if rest.is_empty() {
        return cell.len();
    }
    // The last bytes once more, together with some that are known to be plain.
    if let Some(word) = cell.last_chunk::<8>() {
        return match mask(u64::from_le_bytes(*word)) {
            0 => cell.len(),
            found => cell.len() - 8 + first_marked_byte(found),
        };
    }
    let special = cell.iter().position(|&byte| zero(byte) == 0);
    special.unwrap_or(cell.len())
}

/// Marks the high bit of bytes below 0x20, of `"` and of `\`. Marks above the lowest one may be
/// false, because a borrow travels upwards; the lowest is always right.
fn json_mask(word: u64) -> u64 {
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (control | zero_bytes(word ^ (ONES * 0x22)) | zero_bytes(word ^ (ONES * 0x5c))) & HIGH_BITS
}

/// As [`json_mask`], of `,`, `"` and `\`.
fn csv_mask(word: u64) -> u64 {
    (zero_bytes(word ^ (ONES * 0x2c)) | zero_bytes(word ^ (ONES * 0x22)) | zero_bytes(word ^ (ONES * 0x5c)))
        & HIGH_BITS
}

fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

fn first_marked_byte(mask: u64) -> usize {
    // At most 7, so the conversion cannot fail.
    usize::try_from(mask.trailing_zeros() / 8).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_exactly_the_first_special_byte(cell in proptest::collection::vec(any::<u8>(), 0..100)) {
            let json = cell.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\');
            prop_assert_eq!(plain_in_json(&cell), json.unwrap_or(cell.len()));
            let csv = cell.iter().position(|&b| b == b',' || b == b'"' || b == b'\\');
            prop_assert_eq!(plain_in_csv(&cell), csv.unwrap_or(cell.len()));
        }

        #[test]
        fn skips_long_plain_runs(length in 0_usize..300, special in prop::sample::select(vec![b'"', b'\\'])) {
            let mut cell = vec![b'x'; length];
            cell.push(special);
            cell.extend_from_slice("and ünïcode after".as_bytes());
            prop_assert_eq!(plain_in_json(&cell), length);
            prop_assert_eq!(plain_in_csv(&cell), length);
        }
    }
}
