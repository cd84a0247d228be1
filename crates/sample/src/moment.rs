//! Times of the sample, in microseconds since 1970. They do not depend on the clock: the same seed gives the same rows
//! in every year.

/// One second.
pub(crate) const SECOND: i64 = 1_000_000;
/// One minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// One hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// One day.
pub(crate) const DAY: i64 = 24 * HOUR;
/// When the company began: 1 July 2021.
pub(crate) const START: i64 = 1_625_097_600 * SECOND;
/// When the sample ends: 30 June 2026. Nothing is created later.
pub(crate) const END: i64 = 1_782_777_600 * SECOND;

/// `from` plus `part` of `whole` equal steps towards `to`.
pub(crate) fn between(from: i64, to: i64, part: u64, whole: u64) -> i64 {
    let span = i128::from(to) - i128::from(from);
    let offset = span * i128::from(part) / i128::from(whole.max(1));
    from.saturating_add(i64::try_from(offset).unwrap_or_default())
}

/// A number as a time span.
pub(crate) fn span(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeZone, Utc};

    #[test]
    fn the_sample_covers_five_years() {
        assert_eq!(START, Utc.with_ymd_and_hms(2021, 7, 1, 0, 0, 0).unwrap().timestamp_micros());
        assert_eq!(END, Utc.with_ymd_and_hms(2026, 6, 30, 0, 0, 0).unwrap().timestamp_micros());
        assert_eq!(between(START, END, 0, 10), START);
        assert_eq!(between(START, END, 10, 10), END);
        assert_eq!(between(START, END, 1, 0), END);
    }
}
