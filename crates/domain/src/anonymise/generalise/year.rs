//! The first day of a time's year. With a time zone it is the year in UTC, so that the outcome does
//! not depend on the session that printed the value.

use crate::schema::TypeFamily;

const DAY: i64 = 24 * 60 * 60;
/// 4714 BC, in which PostgreSQL's calendar begins, on 24 November.
const FIRST_YEAR: i64 = -4713;

/// `None` when it is no time of the family.
pub(super) fn of(value: &str, family: TypeFamily) -> Option<String> {
    if matches!(value, "infinity" | "-infinity") {
        return Some(value.to_owned());
    }
    let (text, before_christ) = value.strip_suffix(" BC").map_or((value, false), |text| (text, true));
    let (date, time) = text.split_once(' ').map_or((text, None), |(date, time)| (date, Some(time)));
    let [year, month, day] = numbers(date, '-')?;
    let year = if before_christ { 1 - year } else { year };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, clock) = match (family, time) {
        (TypeFamily::Date, None) => (year, ""),
        (TypeFamily::Timestamp, Some(time)) => (year + shift(month, day, time, false)?, " 00:00:00"),
        (TypeFamily::TimestampTz, Some(time)) => (year + shift(month, day, time, true)?, " 00:00:00+00"),
        _ => return None,
    };
    let first = if year == FIRST_YEAR { "11-24" } else { "01-01" };
    // There is no year 0: 1 BC is followed by 1 AD.
    Some(match year {
        1.. => format!("{year:04}-{first}{clock}"),
        _ => format!("{:04}-{first}{clock} BC", 1 - year),
    })
}

/// By how many years the year in UTC differs from that of the local time.
fn shift(month: i64, day: i64, time: &str, zoned: bool) -> Option<i64> {
    let (clock, offset) = match (time.find(['+', '-']), zoned) {
        (Some(sign), true) => time.split_at(sign),
        (None, false) => (time, "+00"),
        _ => return None,
    };
    let whole = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let [hours, minutes, seconds] = numbers(whole, ':')?;
    let utc = hours * 3600 + minutes * 60 + seconds - offset_seconds(offset)?;
    Some(match (month, day) {
        (1, 1) if utc < 0 => -1,
        (12, 31) if utc >= DAY => 1,
        _ => 0,
    })
}

/// `+05`, `+05:30`, `-00:01:15`.
fn offset_seconds(offset: &str) -> Option<i64> {
    let (sign, digits) =
        offset.strip_prefix('-').map(|digits| (-1, digits)).or(offset.strip_prefix('+').map(|d| (1, d)))?;
    let mut parts = digits.split(':').map(number).collect::<Option<Vec<_>>>()?;
    parts.resize(3, 0);
    let seconds: i64 = parts.iter().zip([3600, 60, 1]).map(|(part, unit)| part * unit).sum();
    Some(sign * seconds)
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let parts = text.split(separator).map(number).collect::<Option<Vec<_>>>()?;
    parts.try_into().ok()
}

fn number(digits: &str) -> Option<i64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}
