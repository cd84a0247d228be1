//! Moments and spans.

use chrono::{DateTime, TimeDelta, Utc};

/// A moment in UTC, to the second.
#[must_use]
pub fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// How long ago a moment is: `3 min ago`. Clocks differ, so what lies ahead is `just now`.
#[must_use]
pub fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - at).num_seconds();
    match seconds {
        ..=0 => "just now".to_owned(),
        1..=59 => format!("{seconds} s ago"),
        60..=3_599 => format!("{} min ago", seconds / 60),
        3_600..=86_399 => format!("{} h ago", seconds / 3_600),
        86_400..=172_799 => "1 day ago".to_owned(),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// How far ahead a moment is, to the nearest unit: `in 7 days`. What has come is `now`.
#[must_use]
pub fn ahead(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (at - now).num_seconds();
    let in_units = |unit: i64| (seconds + unit / 2) / unit;
    match seconds {
        ..=0 => "now".to_owned(),
        1..=119 => format!("in {seconds} s"),
        120..=7_199 => format!("in {} min", in_units(60)),
        7_200..=172_799 => format!("in {} h", in_units(3_600)),
        _ => format!("in {} days", in_units(86_400)),
    }
}

/// A span: `250 ms`, `4.1 s`, `3 min 20 s`, `2 h 5 min`.
#[must_use]
pub fn span(span: TimeDelta) -> String {
    let millis = span.num_milliseconds().max(0);
    let seconds = millis / 1_000;
    match millis {
        ..=999 => format!("{millis} ms"),
        1_000..=59_999 => format!("{seconds}.{} s", millis % 1_000 / 100),
        60_000..=3_599_999 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_keep_two_units_at_most() {
        let text = |millis| span(TimeDelta::milliseconds(millis));
        assert_eq!((text(-5), text(0), text(999)), ("0 ms".into(), "0 ms".into(), "999 ms".into()));
        assert_eq!((text(1_000), text(59_990)), ("1.0 s".into(), "59.9 s".into()));
        assert_eq!((text(200_000), text(7_500_000)), ("3 min 20 s".into(), "2 h 5 min".into()));
    }

    #[test]
    fn what_lies_ahead_is_rounded_to_the_nearest_unit() {
        let now = DateTime::UNIX_EPOCH;
        let text = |seconds| ahead(now + TimeDelta::seconds(seconds), now);
        assert_eq!((text(-9), text(0), text(119)), ("now".into(), "now".into(), "in 119 s".into()));
        assert_eq!((text(150), text(7_199)), ("in 3 min".into(), "in 120 min".into()));
        assert_eq!((text(172_799), text(7 * 86_400 - 2)), ("in 48 h".into(), "in 7 days".into()));
    }

    #[test]
    fn what_is_past_is_rounded_down() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(40);
        let text = |seconds| ago(now - TimeDelta::seconds(seconds), now);
        assert_eq!((text(-9), text(0), text(59)), ("just now".into(), "just now".into(), "59 s ago".into()));
        assert_eq!((text(119), text(7_199)), ("1 min ago".into(), "1 h ago".into()));
        assert_eq!((text(90_000), text(172_800)), ("1 day ago".into(), "2 days ago".into()));
        assert_eq!(moment(DateTime::UNIX_EPOCH), "1970-01-01 00:00:00 UTC");
    }
}
