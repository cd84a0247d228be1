//! `pseudonymise`: a keyed token, the same for the same value wherever it stands.
//!
//! The token never depends on the column, so that what joined still joins. Where nothing joins and
//! values must stay distinct it depends on the row too: somebody who comes back and is erased again gets
//! another one. Text becomes 32 small hexadecimal digits. The first 20 are of the digest (80 bits: among
//! a hundred million values the chance of a collision is below one in a hundred million), and the last
//! 12 a check over them, so that a token can be told from other values and stays what it is when it
//! meets an erasure again.
//!
//! A narrower column has fewer digits, but not fewer than 16, all of them of the digest: there is no room
//! for a check. Columns that join must both hold 32 characters, or the same number.
//!
//! What has an `@` inside stays an address: digits of the digest, in a domain that can never receive mail
//! (RFC 2606 reserves `.invalid`), which is the check. In a column too narrow for that it becomes a bare
//! token.

use std::borrow::Cow;
use std::fmt::Write as _;

use uuid::{Builder, Uuid};

use super::shape::Shape;
use super::token::{HEAD, Keyed, TokenForm, Use};
use super::{Misfit, Rule};
use crate::datamap::Effect;
use crate::schema::TypeFamily;

/// The fewest hexadecimal digits of a token.
const LEAST: usize = 16;
/// The most.
const MOST: usize = 32;
/// What follows the token of an address.
pub const ERASED_DOMAIN: &str = "@erased.invalid";

pub(super) struct Pseudonymise;

impl Rule for Pseudonymise {
    fn effect(&self) -> Effect {
        Effect::Pseudonymised
    }

    fn accepts(&self, family: TypeFamily) -> bool {
        matches!(family, TypeFamily::Text | TypeFamily::Uuid)
    }

    fn keeps_distinct(&self, _family: TypeFamily) -> bool {
        true
    }

    fn fits(&self, shape: &Shape<'_>) -> Result<(), Misfit> {
        if shape.room() < LEAST {
            return Err(Misfit::TooShort { sql_type: shape.column.sql_type.clone(), least: LEAST });
        }
        Ok(())
    }

    /// A bare token has a check from 32 digits on; of those that are shorter nobody can say.
    fn tells_tokens(&self, shape: &Shape<'_>, form: TokenForm) -> bool {
        form.has_check() && (shape.column.family == TypeFamily::Uuid || shape.room() >= MOST)
    }

    fn replace<'v>(
        &self,
        value: &'v str,
        shape: &Shape<'_>,
        keyed: &Keyed<'_>,
    ) -> Option<Option<Cow<'v, str>>> {
        let token = match shape.column.family {
            TypeFamily::Uuid => Cow::Owned(uuid(value, keyed)?),
            _ => text(value, shape, keyed),
        };
        Some(Some(token))
    }
}

/// A UUID of version 8, which says that it means nothing to others (RFC 9562, 5.8), of the digest of the
/// value's canonical text: 122 bits of it, or 74 and a check in the last twelve digits.
pub(super) fn uuid(value: &str, keyed: &Keyed<'_>) -> Option<String> {
    let value = Uuid::try_parse(value).ok()?;
    let text = value.hyphenated().to_string();
    if keyed.form.has_check() && value.get_version_num() == 8 && keyed.recognises(value.as_bytes()) {
        return Some(text);
    }
    let digest = keyed.digest(Use::Uuid, &text);
    let mut custom = Builder::from_custom_bytes(*digest.first_chunk()?).into_uuid();
    if keyed.form.has_check() {
        // The version and the variant are among the bytes that are checked.
        custom = Uuid::from_bytes(keyed.checked(*custom.as_bytes().first_chunk()?));
    }
    Some(custom.hyphenated().to_string())
}

fn text<'v>(value: &'v str, shape: &Shape<'_>, keyed: &Keyed<'_>) -> Cow<'v, str> {
    let (value, room, wide) = (shape.unpadded(value), shape.room(), shape.room() >= MOST);
    let in_place = || is_erased_address(value) || wide && is_bare_token(value, keyed);
    if keyed.form.has_check() && in_place() {
        return Cow::Borrowed(value);
    }
    let address = is_address(value);
    let tail = if address && room >= LEAST + ERASED_DOMAIN.len() { ERASED_DOMAIN } else { "" };
    let digest = keyed.digest(Use::Text, &shape.canonical(value));
    let token = match digest.first_chunk::<HEAD>() {
        Some(head) if keyed.form.has_check() && wide && tail.is_empty() => hex(&keyed.checked(*head)),
        _ => {
            let mut digits = hex(&digest);
            digits.truncate(MOST.min(room - tail.len()));
            digits
        }
    };
    Cow::Owned(token + tail)
}

/// Whether there is an `@` with something before and after it: `LIKE '%_@_%'`.
fn is_address(value: &str) -> bool {
    let mut inner = value.chars();
    inner.next();
    inner.next_back();
    inner.as_str().contains('@')
}

/// Whether it is what an address becomes, in a column of whatever width. Nobody receives mail there.
fn is_erased_address(value: &str) -> bool {
    let digits = value.strip_suffix(ERASED_DOMAIN);
    digits.is_some_and(|digits| (LEAST..=MOST).contains(&digits.len()) && is_hex(digits))
}

fn is_bare_token(value: &str, keyed: &Keyed<'_>) -> bool {
    let bytes = (value.len() == MOST && is_hex(value)).then(|| u128::from_str_radix(value, 16).ok());
    bytes.flatten().is_some_and(|bytes: u128| keyed.recognises(&bytes.to_be_bytes()))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}
