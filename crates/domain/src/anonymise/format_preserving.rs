//! `format_preserving`: another value of the same format, drawn by the key and the value.
//!
//! Of text, a digit becomes a digit, a letter an ASCII letter of the same case, anything else that is
//! not ASCII a small letter; ASCII punctuation and blanks stay. Of numbers, sign, point, exponent,
//! the number of digits and leading zeros stay (so zero stays zero). Nothing else becomes itself: what is drawn
//! as it was is exchanged for the next. UUIDs become those that
//! `pseudonymise` gives.
//!
//! The replacement is drawn, not permuted: two values may become one (among n values of d digits
//! about n² / (2·10^d) times), hence not for UNIQUE columns other than uuid. In return the key alone
//! undoes nothing: whoever holds it must guess values and compare, as with every keyed digest,
//! whereas a cipher would be decrypted.

use std::borrow::Cow;

use super::shape::Shape;
use super::token::{Draws, Keyed, Mac, TokenForm};
use super::{Misfit, Rule, literal, pseudonymise};
use crate::datamap::Effect;
use crate::schema::TypeFamily;

pub(super) struct FormatPreserving;

impl Rule for FormatPreserving {
    fn effect(&self) -> Effect {
        Effect::Pseudonymised
    }

    fn accepts(&self, family: TypeFamily) -> bool {
        matches!(family, TypeFamily::Text | TypeFamily::Number | TypeFamily::Uuid)
    }

    fn keeps_distinct(&self, family: TypeFamily) -> bool {
        family == TypeFamily::Uuid
    }

    /// `"char"` is a byte that is printed as up to four characters, and a numeric with a negative
    /// scale rounds what is drawn, perhaps beyond its range.
    fn fits(&self, shape: &Shape<'_>) -> Result<(), Misfit> {
        if shape.rounds() || shape.base == "\"char\"" { Err(shape.refused()) } else { Ok(()) }
    }

    fn tells_tokens(&self, shape: &Shape<'_>, form: TokenForm) -> bool {
        form.has_check() && shape.column.family == TypeFamily::Uuid
    }

    fn replace<'v>(
        &self,
        value: &'v str,
        shape: &Shape<'_>,
        keyed: &Keyed<'_>,
    ) -> Option<Option<Cow<'v, str>>> {
        let mac = keyed.digests.mac;
        let replaced = match shape.column.family {
            TypeFamily::Uuid => pseudonymise::uuid(value, keyed)?,
            TypeFamily::Number => number(value, mac)?,
            _ => text(value, shape, mac),
        };
        Some(Some(Cow::Owned(replaced)))
    }
}

fn text(value: &str, shape: &Shape<'_>, mac: &Mac<'_>) -> String {
    let mut draws = Draws::of(&shape.canonical(value), mac);
    let like = |character: char| match character {
        kept if kept.is_ascii() && !kept.is_ascii_alphanumeric() => kept,
        digit if digit.is_numeric() => draws.digit(0),
        capital if capital.is_uppercase() => draws.letter().to_ascii_uppercase(),
        _ => draws.letter(),
    };
    let replaced: String = value.chars().map(like).collect();
    match shape.canonical(&replaced) == shape.canonical(value) {
        true => another(&replaced),
        false => replaced,
    }
}

/// A text that was drawn as it was, with its first letter or digit exchanged for the next: what is drawn
/// must not be what was there. Punctuation alone, which says nothing, has no other.
fn another(drawn: &str) -> String {
    let mut done = false;
    let next = |character: char| match character {
        kept if done || !kept.is_ascii_alphanumeric() => kept,
        last => {
            done = true;
            match last {
                '9' => '0',
                'z' => 'a',
                'Z' => 'A',
                other => char::from_u32(u32::from(other) + 1).unwrap_or('0'),
            }
        }
    };
    drawn.chars().map(next).collect()
}

fn number(value: &str, mac: &Mac<'_>) -> Option<String> {
    if matches!(value, "NaN" | "Infinity" | "-Infinity") {
        return Some(value.to_owned());
    }
    if !literal::decimal(value) {
        return None;
    }
    let (mantissa, exponent) = value.split_at(value.find(['e', 'E']).unwrap_or(value.len()));
    let Some(leading) = mantissa.find(|digit: char| matches!(digit, '1'..='9')) else {
        return Some(value.to_owned());
    };
    let mut draws = Draws::of(value, mac);
    let (zeros, rest) = (mantissa.get(..leading)?, mantissa.get(leading + 1..)?);
    let first = draws.digit(1);
    let drawn = replace_digits(rest, || draws.digit(0));
    let nothing = replace_digits(rest, || '0');
    let candidate = |first: char, rest: &str| format!("{zeros}{first}{rest}{exponent}");
    // A value at the edge of its type's range takes the first of these that the type still holds, and that is
    // not the value itself.
    [(first, &drawn), ('1', &drawn), ('1', &nothing), ('9', &drawn), ('2', &nothing)]
        .into_iter()
        .map(|(first, rest)| candidate(first, rest))
        .find(|output| output != value && in_every_range_of(value, output))
}

fn replace_digits(text: &str, mut digit: impl FnMut() -> char) -> String {
    text.chars().map(|old| if old.is_ascii_digit() { digit() } else { old }).collect()
}

/// Whether the output is in the range of every type in whose range the input is. That the column's
/// own type is not asked keeps equal numbers equal in columns of different types.
fn in_every_range_of(input: &str, output: &str) -> bool {
    fn both<T: std::str::FromStr>(input: &str, output: &str, holds: fn(&T) -> bool) -> bool {
        let within = |text: &str| text.parse().is_ok_and(|number: T| holds(&number));
        !within(input) || within(output)
    }
    both::<i16>(input, output, |_| true)
        && both::<i32>(input, output, |_| true)
        && both::<i64>(input, output, |_| true)
        && both::<f32>(input, output, |number| number.is_finite() && *number != 0.0)
        && both::<f64>(input, output, |number| number.is_finite() && *number != 0.0)
}
