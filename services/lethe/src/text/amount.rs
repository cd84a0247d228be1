//! Counts and sizes.

use indicatif::{BinaryBytes, HumanCount};

/// A count with thousands set apart: `12,345`. A negative one, which nobody should send, is 0.
#[must_use]
pub fn count(count: i64) -> String {
    HumanCount(natural(count)).to_string()
}

/// A size in binary units: `1.20 MiB`.
#[must_use]
pub fn size(bytes: i64) -> String {
    BinaryBytes(natural(bytes)).to_string()
}

/// How many, with the right form of the word: `1 row`, `2 rows`.
#[must_use]
pub fn of(number: usize, word: &str) -> String {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {word}{plural}", count(number))
}

/// The number, or 0 for one below.
#[must_use]
pub fn natural(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// How much of `all` is done, in whole per cent; all of nothing is 100.
#[must_use]
pub fn per_cent(done: i64, all: i64) -> i64 {
    if all <= 0 {
        return 100;
    }
    let share = i128::from(done.max(0)) * 100 / i128::from(all);
    i64::try_from(share).unwrap_or(100).min(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!((count(0), count(1_234_567), count(-1)), ("0".into(), "1,234,567".into(), "0".into()));
        assert_eq!((size(999), size(1_258_291)), ("999 B".into(), "1.20 MiB".into()));
        assert_eq!(
            (of(1, "job"), of(0, "job"), of(2_000, "job")),
            ("1 job".into(), "0 jobs".into(), "2,000 jobs".into())
        );
    }

    #[test]
    fn shares_never_leave_their_bounds() {
        assert_eq!(per_cent(1, 3), 33);
        assert_eq!(per_cent(999, 1_000), 99);
        assert_eq!((per_cent(5, 3), per_cent(0, 0), per_cent(-1, 3)), (100, 100, 0));
        assert_eq!(per_cent(i64::MAX, i64::MAX), 100);
    }
}
