//! Numbers, sizes and moments as people write them.

use chrono::{DateTime, Utc};

/// `1204` as `1,204`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 record`, `1,204 records`: the noun gets an `s` unless there is exactly one.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

/// A number of things in memory, as the number that is shown.
pub(super) fn length<T>(things: &[T]) -> u64 {
    u64::try_from(things.len()).unwrap_or(u64::MAX)
}

/// A size in units of a thousand, as file managers show it: `812 bytes`, `4.1 MB`.
pub(super) fn size(size_bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    let Some((unit, name)) = UNITS.into_iter().find(|&(unit, _)| size_bytes >= unit) else {
        return counted(size_bytes, "byte");
    };
    let tenths = size_bytes / (unit / 10);
    match tenths {
        0..100 => format!("{}.{} {name}", tenths / 10, tenths % 10),
        _ => format!("{} {name}", count(tenths / 10)),
    }
}

/// A moment to the minute, in UTC: `2 January 2026, 03:04 UTC`.
pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.format("%-d %B %Y, %H:%M UTC").to_string()
}

/// The same moment to the second for machines: `2026-01-02T03:04:05Z`.
pub(super) fn machine_moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), shown);
        }
        assert_eq!((counted(1, "record"), counted(0, "file")), ("1 record".into(), "0 files".into()));
    }

    #[test]
    fn sizes_have_two_or_more_digits_and_a_unit() {
        for (bytes, shown) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (41_900, "41 kB"),
            (9_990_000, "9.9 MB"),
            (1_234_000_000_000_000, "1,234 TB"),
            (u64::MAX, "18,446,744 TB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }

    #[test]
    fn moments_are_in_utc() {
        let at = "2026-01-02T03:04:05+02:00".parse::<DateTime<chrono::FixedOffset>>().unwrap().to_utc();
        assert_eq!(moment(at), "2 January 2026, 01:04 UTC");
        assert_eq!(machine_moment(at), "2026-01-02T01:04:05Z");
    }
}
