//! Which bytes are asked for (RFC 9110, section 14).

use std::ops::Range;

/// Which bytes are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of them.
    Whole,
    /// Some of them, end exclusive.
    Part(Range<u64>),
    /// None that exist.
    Nothing,
}

/// Reads a `Range` header for a representation of that size and tag.
///
/// What cannot be read and several ranges at once are answered with the whole, as the standard
/// allows; `If-Range` with another tag means that the client holds parts of something else.
pub(super) fn wanted(range: Option<&str>, if_range: Option<&str>, (size, etag): (u64, &str)) -> Wanted {
    if if_range.is_some_and(|tag| tag != etag) {
        return Wanted::Whole;
    }
    match range.and_then(spec) {
        None => Wanted::Whole,
        Some(Spec::Last(0)) => Wanted::Nothing,
        Some(Spec::Last(_)) if size == 0 => Wanted::Nothing,
        Some(Spec::Last(length)) => Wanted::Part(size.saturating_sub(length)..size),
        Some(Spec::From(first, _)) if first >= size => Wanted::Nothing,
        Some(Spec::From(first, last)) => {
            let end = last.map_or(size, |last| last.saturating_add(1).min(size));
            Wanted::Part(first..end)
        }
    }
}

enum Spec {
    From(u64, Option<u64>),
    Last(u64),
}

fn spec(header: &str) -> Option<Spec> {
    let (unit, range) = header.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    match (first, last) {
        ("", last) => number(last).map(Spec::Last),
        (first, "") => Some(Spec::From(number(first)?, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::From(first, Some(last)))
        }
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &str) -> Wanted {
        wanted(Some(range), None, (100, "\"a\""))
    }

    #[test]
    fn single_ranges_are_cut_to_the_size() {
        for (range, expected) in [
            ("bytes=0-", 0..100),
            ("bytes=0-0", 0..1),
            ("bytes=10-19", 10..20),
            ("Bytes = 99-1000", 99..100),
            ("bytes=-1", 99..100),
            ("bytes=-1000", 0..100),
            ("bytes=5-99999999999999999999999", 5..100),
        ] {
            assert_eq!(of(range), Wanted::Part(expected), "{range}");
        }
    }

    #[test]
    fn what_cannot_be_satisfied_is_said_and_what_cannot_be_read_is_ignored() {
        for range in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(of(range), Wanted::Nothing, "{range}");
        }
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-4",
            "items=0-1",
            "bytes=0-1,5-6",
            "bytes=+1-2",
        ] {
            assert_eq!(of(range), Wanted::Whole, "{range}");
        }
        assert_eq!(wanted(Some("bytes=-5"), None, (0, "\"a\"")), Wanted::Nothing);
        assert_eq!(wanted(None, None, (0, "\"a\"")), Wanted::Whole);
    }

    #[test]
    fn a_range_of_something_else_is_answered_with_the_whole() {
        assert_eq!(wanted(Some("bytes=1-"), Some("\"a\""), (9, "\"a\"")), Wanted::Part(1..9));
        assert_eq!(wanted(Some("bytes=1-"), Some("\"b\""), (9, "\"a\"")), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=1-"), Some("W/\"a\""), (9, "\"a\"")), Wanted::Whole);
    }
}
