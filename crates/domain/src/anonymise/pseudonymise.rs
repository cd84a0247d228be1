//! `pseudonymise`: a keyed token, the same for the same value wherever it stands.
//!
//! The token depends on the key and the value alone, never on the column, so that what joined still
//! joins. Text becomes 32 small hexadecimal digits (128 bits of the digest), fewer where the column
//! is narrower, but not fewer than 16 (64 bits: among a million values the chance of a collision
//! is below one in thirty million). The token of a narrow column is the beginning of that of a wide one:
//! columns that join must both hold 32 characters, or the same number.
//!
//! What has an `@` inside stays an address: the token, in a domain that can never receive mail
//! (RFC 2606 reserves `.invalid`). In a column too narrow for that it becomes the bare token.

use std::borrow::Cow;
use std::fmt::Write as _;

use uuid::{Builder, Uuid};

use super::shape::Shape;
use super::token::{Mac, Use, digest};
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

    fn replace<'v>(&self, value: &'v str, shape: &Shape<'_>, mac: &Mac<'_>) -> Option<Option<Cow<'v, str>>> {
        let token = match shape.column.family {
            TypeFamily::Uuid => uuid(value, mac)?,
            _ => text(&shape.canonical(value), shape.room(), mac),
        };
        Some(Some(Cow::Owned(token)))
    }
}

/// A UUID of version 8, which says that it means nothing to others (RFC 9562, 5.8): 122 bits of the
/// digest of the value's canonical text.
pub(super) fn uuid(value: &str, mac: &Mac<'_>) -> Option<String> {
    let value = Uuid::try_parse(value).ok()?.hyphenated().to_string();
    let digest = digest(Use::Uuid, value.as_bytes(), mac);
    let custom = Builder::from_custom_bytes(*digest.first_chunk::<16>()?);
    Some(custom.into_uuid().hyphenated().to_string())
}

fn text(value: &str, room: usize, mac: &Mac<'_>) -> String {
    let tail = if is_address(value) && room >= LEAST + ERASED_DOMAIN.len() { ERASED_DOMAIN } else { "" };
    let length = MOST.min(room - tail.len());
    let mut token = hex(&digest(Use::Text, value.as_bytes(), mac));
    token.truncate(length);
    token + tail
}

/// Whether there is an `@` with something before and after it: `LIKE '%_@_%'`.
fn is_address(value: &str) -> bool {
    let mut inner = value.chars();
    inner.next();
    inner.next_back();
    inner.as_str().contains('@')
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}
