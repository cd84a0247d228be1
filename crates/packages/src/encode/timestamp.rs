//! `2024-01-02 03:04:05.123+00` as `to_json` prints it: `2024-01-02T03:04:05.123+00:00`.

use super::scan::plain_in_json;

/// Appends the JSON form of a timestamp without its quotes; `infinity` stays itself.
///
/// Answers `false`, having written nothing, when the cell does not look like an ISO timestamp.
pub(super) fn push_iso(cell: &[u8], out: &mut Vec<u8>) -> bool {
    if plain_in_json(cell) < cell.len() {
        return false;
    }
    let mut words = cell.splitn(3, |&byte| byte == b' ');
    let (date, clock, era) = (words.next(), words.next(), words.next());
    let (Some(date), Some(clock)) = (date, clock) else {
        return push_infinity(cell, out);
    };
    out.extend_from_slice(date);
    out.push(b'T');
    out.extend_from_slice(clock);
    if has_hour_only_offset(clock) {
        out.extend_from_slice(b":00");
    }
    if let Some(era) = era {
        out.push(b' ');
        out.extend_from_slice(era);
    }
    true
}

fn push_infinity(cell: &[u8], out: &mut Vec<u8>) -> bool {
    let known = cell == b"infinity" || cell == b"-infinity";
    if known {
        out.extend_from_slice(cell);
    }
    known
}

/// Whether the clock ends in `+00` or the like; an offset with minutes is printed in full already.
fn has_hour_only_offset(clock: &[u8]) -> bool {
    matches!(clock, [.., b'+' | b'-', _, _])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(cell: &str) -> Option<String> {
        let mut out = Vec::new();
        push_iso(cell.as_bytes(), &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn prints_what_to_json_prints() {
        for (copied, expected) in [
            ("2024-01-02 03:04:05.123+00", "2024-01-02T03:04:05.123+00:00"),
            ("2024-01-02 03:04:05", "2024-01-02T03:04:05"),
            ("2024-01-02 03:04:05+05:30", "2024-01-02T03:04:05+05:30"),
            ("2024-01-02 03:04:05-08", "2024-01-02T03:04:05-08:00"),
            ("1880-01-02 03:04:05-00:01:15", "1880-01-02T03:04:05-00:01:15"),
            ("0044-03-15 12:00:00+00 BC", "0044-03-15T12:00:00+00:00 BC"),
            ("0044-03-15 12:00:00 BC", "0044-03-15T12:00:00 BC"),
            ("294276-12-31 23:59:59.999999+00", "294276-12-31T23:59:59.999999+00:00"),
            ("infinity", "infinity"),
            ("-infinity", "-infinity"),
        ] {
            assert_eq!(iso(copied).as_deref(), Some(expected));
        }
    }

    #[test]
    fn leaves_what_it_does_not_know() {
        assert_eq!(iso("epoch"), None);
        assert_eq!(iso("a \\\"b"), None);
    }
}
