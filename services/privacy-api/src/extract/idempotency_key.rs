//! The `Idempotency-Key` header: a structured-field string, or a bare token.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::error::ApiError;

/// The header's name.
pub const HEADER: &str = "idempotency-key";
/// The longest key.
const LONGEST: usize = 200;

/// The caller's key against repetition: 1 to 200 visible ASCII characters.
///
/// `"abc"` and `abc` are the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(pub String);

/// The key, where one came. One that cannot be used is refused, not passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionalKey(pub Option<IdempotencyKey>);

impl FromRequest for OptionalKey {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(given(request).map(Self))
    }
}

fn given(request: &HttpRequest) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = request.headers().get_all(HEADER);
    let key = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(_), Some(_)) => Err("send one Idempotency-Key header, not several"),
        (Some(value), None) => value.to_str().ok().and_then(parse).ok_or(
            "an Idempotency-Key is a quoted string or a bare token of 1 to 200 visible ASCII characters",
        ),
    };
    key.map(Some).map_err(ApiError::IdempotencyKey)
}

/// Reads a string as RFC 9651, 3.3.3 has it, without parameters; or a text without quotes.
fn parse(value: &str) -> Option<IdempotencyKey> {
    let value = value.trim_matches([' ', '\t']);
    let key = match value.strip_prefix('"') {
        Some(rest) => unquote(rest)?,
        None => value.to_owned(),
    };
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    let bare = value.starts_with('"') || !key.contains(['"', '\\', ',', ';']);
    ((1..=LONGEST).contains(&key.len()) && visible && bare).then_some(IdempotencyKey(key))
}

fn unquote(rest: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => match characters.next()? {
                escaped @ ('"' | '\\') => text.push(escaped),
                _ => return None,
            },
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_and_bare_keys_are_read() {
        let longest = "a".repeat(200);
        for (value, key) in [
            ("\"abc\"", "abc"),
            ("abc", "abc"),
            (" \"a\\\"b\\\\\" ", "a\"b\\"),
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            (longest.as_str(), longest.as_str()),
        ] {
            assert_eq!(parse(value), Some(IdempotencyKey(key.to_owned())), "{value}");
        }
    }

    #[test]
    fn anything_else_is_no_key() {
        let too_long = "a".repeat(201);
        for value in [
            "",
            "\"\"",
            "\"",
            "\"abc",
            "\"a\"b",
            "\"a\\b\"",
            "a b",
            "\"a b\"",
            "\u{e4}",
            "a\"b",
            "\"a\";p=1",
            "a, b",
            "a,b",
            too_long.as_str(),
        ] {
            assert_eq!(parse(value), None, "{value}");
        }
    }
}
