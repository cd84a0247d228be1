//! A number's bucket: its leading digit, with zeros after it. 1,984.50 becomes 1000, 37 becomes 30,
//! and everything between -10 and 10 becomes 0.
//!
//! Buckets grow with the numbers, so that they blur ages and salaries alike, and rounding towards
//! zero never leaves the type's range.

use super::super::literal;

/// `None` when it is no number.
pub(super) fn of(value: &str) -> Option<String> {
    if matches!(value, "NaN" | "Infinity" | "-Infinity") {
        return Some(value.to_owned());
    }
    if !literal::decimal(value) {
        return None;
    }
    let (sign, digits) = value.strip_prefix('-').map_or(("", value), |digits| ("-", digits));
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.parse::<i64>().ok()?)),
        None => (digits, None),
    };
    let Some(place) = mantissa.find(|digit: char| matches!(digit, '1'..='9')) else {
        return Some("0".to_owned());
    };
    let leading = mantissa.get(place..=place)?;
    let point = mantissa.find('.').unwrap_or(mantissa.len());
    // The power of ten of the leading digit; below the point there are none but small ones.
    let power = if place < point {
        i64::try_from(point - place).ok()? - 1 + exponent.unwrap_or(0)
    } else {
        exponent.unwrap_or(0) - i64::try_from(place - point).ok()?
    };
    Some(match (power, exponent) {
        (..=0, _) => "0".to_owned(),
        (_, Some(_)) => format!("{sign}{leading}e+{power:02}"),
        (_, None) => format!("{sign}{leading}{}", "0".repeat(usize::try_from(power).ok()?)),
    })
}
