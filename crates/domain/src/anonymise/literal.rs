//! Whether a text can be read as a value of a column, as far as that can be told without the server.
//!
//! What is refused here the server would refuse, cut, round, or read in a way that depends on the
//! day or the session (`today`, a time without its offset). What passes is not yet certain: labels
//! of enumerations, elements of arrays, domains, CHECK constraints, intervals and types of
//! extensions are known to the server alone, and belong to its preflight.

use std::net::IpAddr;

use chrono::{NaiveDate, NaiveTime};
use serde::de::IgnoredAny;
use uuid::Uuid;

use super::shape::Shape;
use crate::schema::TypeFamily;

/// # Errors
/// What would be read, in words for people.
pub(super) fn check(text: &str, shape: &Shape<'_>) -> Result<(), &'static str> {
    let (good, expected) = match shape.column.family {
        TypeFamily::Text => (!text.contains('\0'), "text without a NUL character"),
        TypeFamily::Number => return number(text, shape),
        TypeFamily::Boolean => (boolean(text), "`true` or `false`"),
        TypeFamily::Json => (serde_json::from_str::<IgnoredAny>(text).is_ok(), "JSON"),
        TypeFamily::Date => (special_time(text) || date(text), "`YYYY-MM-DD`"),
        TypeFamily::Timestamp => {
            (special_time(text) || timestamp(text), "`YYYY-MM-DD HH:MM:SS`, without an offset")
        }
        TypeFamily::TimestampTz => {
            (special_time(text) || zoned(text), "`YYYY-MM-DD HH:MM:SS+00`, with its offset")
        }
        TypeFamily::Uuid => (!text.starts_with("urn:") && Uuid::try_parse(text).is_ok(), "a UUID"),
        TypeFamily::Network => {
            (network(text, shape.base == "cidr"), "an address, of `cidr` without bits after its length")
        }
        TypeFamily::Bytes => (bytes(text), "`\\x` and pairs of hexadecimal digits"),
        TypeFamily::Enum => (!text.is_empty() && text.len() <= 63, "one of its labels"),
        TypeFamily::Array => (array(text), "`{…}`"),
        TypeFamily::Time | TypeFamily::Other => (true, ""),
    };
    if good { Ok(()) } else { Err(expected) }
}

/// Whether it is a number in decimals, with or without an exponent.
pub(super) fn decimal(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    text.bytes().all(allowed) && text.parse::<f64>().is_ok()
}

fn number(text: &str, shape: &Shape<'_>) -> Result<(), &'static str> {
    let special = matches!(text, "NaN" | "Infinity" | "-Infinity");
    let (good, expected) = match shape.base.as_str() {
        "smallint" => (text.parse::<i16>().is_ok(), "an integer from -32768 to 32767"),
        "integer" => (text.parse::<i32>().is_ok(), "an integer of 32 bits"),
        "bigint" => (text.parse::<i64>().is_ok(), "an integer of 64 bits"),
        "real" => (special || decimal(text) && text.parse().is_ok_and(f32::is_finite), "a number in range"),
        "double precision" => {
            (special || decimal(text) && text.parse().is_ok_and(f64::is_finite), "a number in range")
        }
        _ => match shape.modifiers.as_slice() {
            [precision, rest @ ..] => {
                let scale = rest.first().copied().unwrap_or(0);
                let fits = decimal(text) && digits_fit(text, *precision, scale);
                (text == "NaN" || fits, "a number with no more digits than it holds")
            }
            [] => (special || decimal(text), "a number"),
        },
    };
    if good { Ok(()) } else { Err(expected) }
}

/// Whether a decimal needs no rounding and no more digits before the point than there are.
fn digits_fit(text: &str, precision: i64, scale: i64) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    if digits.contains(['e', 'E']) {
        return false;
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let count = |digits: &str| i64::try_from(digits.len()).unwrap_or(i64::MAX);
    // With a scale below zero the last digits before the point must be zeros, and with one beyond
    // the precision the first after it.
    let zeros = |digits: &str| count(digits) - count(digits.trim_start_matches('0'));
    let rounded = count(whole) - count(whole.trim_end_matches('0'));
    count(fraction) <= scale.max(0)
        && count(whole) <= (precision - scale).max(0)
        && (scale >= 0 || whole.is_empty() || rounded >= -scale)
        && (scale <= precision || fraction.is_empty() || zeros(fraction) >= scale - precision)
}

/// The words that PostgreSQL takes, and their beginnings as far as these are clear.
fn boolean(text: &str) -> bool {
    let word = text.trim().to_ascii_lowercase();
    let begins = |whole: &str, least: usize| word.len() >= least && whole.starts_with(&word);
    ["true", "false", "yes", "no", "1", "0"].iter().any(|whole| begins(whole, 1))
        || ["on", "off"].iter().any(|whole| begins(whole, 2))
}

fn special_time(text: &str) -> bool {
    matches!(text, "infinity" | "-infinity" | "epoch")
}

/// Years of four digits or more, at most those of `chrono`, and BC.
fn date(text: &str) -> bool {
    let (text, before_christ) = text.strip_suffix(" BC").map_or((text, false), |text| (text, true));
    let Some((year, rest)) = text.split_once('-') else {
        return false;
    };
    let Some(year) = year.parse::<i32>().ok().filter(|year| *year > 0 && text.len() >= 10) else {
        return false;
    };
    let year = if before_christ { 1 - year } else { year };
    // Any date of the same place in the calendar's cycle of 400 years is as good, and in range.
    NaiveDate::parse_from_str(&format!("{:04}-{rest}", 2000 + year.rem_euclid(400)), "%Y-%m-%d").is_ok()
}

fn timestamp(text: &str) -> bool {
    let (body, era) = text.strip_suffix(" BC").map_or((text, ""), |body| (body, " BC"));
    let Some((day, time)) = body.split_once([' ', 'T']) else {
        return date(text);
    };
    let time = ["%H:%M:%S%.f", "%H:%M"].iter().any(|form| NaiveTime::parse_from_str(time, form).is_ok());
    time && date(&format!("{day}{era}"))
}

/// A timestamp and after it its offset from UTC.
fn zoned(text: &str) -> bool {
    let (body, era) = text.strip_suffix(" BC").map_or((text, ""), |body| (body, " BC"));
    if let Some(body) = body.strip_suffix('Z') {
        return body.contains(':') && timestamp(&format!("{body}{era}"));
    }
    let clock = body.find(':').unwrap_or(body.len());
    let Some(sign) = body.get(clock..).and_then(|after| after.find(['+', '-'])) else {
        return false;
    };
    let (local, offset) = body.split_at(clock + sign);
    let offset = offset.get(1..).unwrap_or_default();
    let mut parts = offset.split(':');
    let hours = parts.next().is_some_and(|hours| below(hours, 16));
    hours && parts.all(|part| below(part, 60)) && timestamp(&format!("{}{era}", local.trim_end()))
}

/// Whether it is two digits that make a number below the bound.
fn below(digits: &str, bound: u8) -> bool {
    digits.len() == 2
        && digits.bytes().all(|b| b.is_ascii_digit())
        && digits.parse().is_ok_and(|n: u8| n < bound)
}

fn network(text: &str, cidr: bool) -> bool {
    let (address, length) = text.split_once('/').map_or((text, None), |(a, length)| (a, Some(length)));
    let (bits, width) = match address.parse() {
        Ok(IpAddr::V4(address)) => (u128::from(address.to_bits()), 32),
        Ok(IpAddr::V6(address)) => (address.to_bits(), 128),
        Err(_) => return false,
    };
    match length.map_or(Ok(width), str::parse::<u32>) {
        Ok(length) if length <= width => !cidr || bits.trailing_zeros().min(width) >= width - length,
        _ => false,
    }
}

/// The two forms of `bytea`: `\x` with hexadecimal digits, or text in which a backslash is followed
/// by another or by three octal digits.
fn bytes(text: &str) -> bool {
    if let Some(digits) = text.strip_prefix("\\x") {
        return digits.len() % 2 == 0 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    let mut rest = text;
    while let Some((_, escaped)) = rest.split_once('\\') {
        let octal = escaped.get(..3).filter(|octal| octal.bytes().all(|b| matches!(b, b'0'..=b'7')));
        let length = if escaped.starts_with('\\') { 1 } else { 3 };
        if length == 3 && !octal.is_some_and(|octal| octal.starts_with(['0', '1', '2', '3'])) {
            return false;
        }
        rest = escaped.get(length..).unwrap_or_default();
    }
    true
}

/// Braces that open and close in order, quotation marks that close; not what the elements are.
fn array(text: &str) -> bool {
    let body = text.split_once("]=").filter(|_| text.starts_with('[')).map_or(text, |(_, body)| body);
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for (position, character) in body.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => {
                let Some(less) = depth.checked_sub(1) else {
                    return false;
                };
                depth = less;
            }
            _ => {}
        }
        if depth == 0 {
            return character == '}' && position + 1 == body.len();
        }
    }
    false
}
