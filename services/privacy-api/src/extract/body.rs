//! A JSON body, bounded in size and time, and errors that point to the member that is wrong.

use std::sync::LazyLock;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{self, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use contracts::http::FieldError;
use futures::StreamExt as _;
use futures::future::LocalBoxFuture;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};
use sha2::{Digest as _, Sha256};

use crate::config::Limits;
use crate::error::ApiError;
use crate::state::ApiState;

/// A JSON body.
#[derive(Debug, Clone)]
pub struct JsonBody<T> {
    /// What it says.
    pub value: T,
    /// SHA-256 of the bytes as they came.
    pub sha256: [u8; 32],
}

/// Used when the application has no state, which only a test can bring about.
static DEFAULTS: LazyLock<Limits> = LazyLock::new(Limits::default);

impl<T: DeserializeOwned + 'static> FromRequest for JsonBody<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let limits =
            request.app_data::<web::Data<ApiState>>().map_or(&*DEFAULTS, |state| &state.limits).clone();
        let announced = check(request, limits.body_bytes);
        let payload = payload.take();
        Box::pin(async move {
            announced?;
            let receiving = receive(payload, limits.body_bytes);
            let bytes = match tokio::time::timeout(limits.body_timeout, receiving).await {
                Ok(received) => received?,
                Err(_) => return Err(ApiError::BodyMissing),
            };
            let value = parse(&bytes).map_err(|error| ApiError::Body(vec![error]))?;
            Ok(Self { value, sha256: Sha256::digest(&bytes).into() })
        })
    }
}

/// Refuses by the headers what need not be received.
fn check(request: &HttpRequest, most: usize) -> Result<(), ApiError> {
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let media_type = text(CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        return Err(ApiError::MediaType);
    }
    if text(CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(ApiError::MediaType);
    }
    match text(CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok()) {
        Some(length) if length > most => Err(ApiError::TooLarge(most)),
        _ => Ok(()),
    }
}

async fn receive(mut payload: Payload, most: usize) -> Result<BytesMut, ApiError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::BodyMissing)?;
        if bytes.len().saturating_add(chunk.len()) > most {
            return Err(ApiError::TooLarge(most));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FieldError> {
    // A struct would also be read from an array of its members' values, which no schema of ours says.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        let whole = |detail| FieldError { pointer: String::new(), detail };
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| whole(not_json(&error)))?;
        return Err(whole("expected a JSON object".to_owned()));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let mut pointer = pointer(error.path());
        FieldError { detail: detail(error.inner(), &mut pointer), pointer }
    })?;
    json.end().map_err(|error| FieldError { pointer: String::new(), detail: not_json(&error) })?;
    Ok(value)
}

/// The JSON pointer (RFC 6901) of a path.
fn pointer(path: &Path) -> String {
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } | Segment::Enum { variant: key } => {
            format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
        }
        Segment::Unknown => pointer,
    })
}

/// What would be right. The library's message also quotes what was sent, and that may be anything;
/// the part that begins with `expected` is about our own type alone.
fn detail(error: &serde_json::Error, pointer: &mut String) -> String {
    if error.classify() != Category::Data {
        return not_json(error);
    }
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    // These two name a member of ours, and their path ends before it.
    for (opening, detail) in [
        ("missing field `", "this member is missing"),
        ("duplicate field `", "this member must not be repeated"),
    ] {
        if let Some(name) = message.strip_prefix(opening).and_then(|rest| rest.strip_suffix('`')) {
            *pointer = format!("{pointer}/{name}");
            return detail.to_owned();
        }
    }
    let expected =
        message.rfind("expected ").and_then(|at| message.get(at..)).unwrap_or("another value is expected");
    match message.starts_with("unknown field") {
        true => format!("there is no such member; {expected}"),
        false => expected.to_owned(),
    }
}

fn not_json(error: &serde_json::Error) -> String {
    format!("the body is not JSON from line {}, column {} on", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use contracts::http::ExportBody;

    use super::*;

    fn wrong(body: &str) -> (String, String) {
        let error = parse::<ExportBody>(body.as_bytes()).unwrap_err();
        (error.pointer, error.detail)
    }

    #[test]
    fn errors_point_to_the_member_and_say_what_would_be_right() {
        for (body, pointer, detail) in [
            (r#"{"format":"xml-secret"}"#, "/format", "expected one of `json`, `csv`, `both`"),
            (r#"{"format":"expected secret"}"#, "/format", "expected one of `json`, `csv`, `both`"),
            (r#"{"format":1}"#, "/format", "expected a string"),
            (r#"{"include_media":"secret","format":"csv"}"#, "/include_media", "expected a boolean"),
            (r#"{"include_media":true}"#, "/format", "this member is missing"),
            (r#"{"format":"csv","format":"csv"}"#, "/format", "this member must not be repeated"),
            (
                r#"{"a/b":1}"#,
                "/a~1b",
                "there is no such member; expected one of `include_media`, `format`, `encryption`, `label`, `external_reference`",
            ),
            (r#"{"format":{"json":null}}"#, "/format", "expected a string"),
            (
                r#"{"format":"csv","encryption":{}}"#,
                "/encryption",
                "expected either `recipients` or `passphrase`",
            ),
            (
                r#"{"format":"csv","encryption":"secret"}"#,
                "/encryption",
                "expected an object with `recipients` or `passphrase`",
            ),
            (
                r#"{"format":"csv","encryption":{"recipients":["a", 1]}}"#,
                "/encryption/recipients/1",
                "expected a string",
            ),
            (
                r#"{"format":"csv","encryption":{"passphrase":{"secret":1}}}"#,
                "/encryption/passphrase",
                "expected a string",
            ),
            (
                r#"{"format":"csv","encryption":{"password":"secret"}}"#,
                "/encryption/password",
                "there is no such member; expected `recipients` or `passphrase`",
            ),
            (r#"[true, "json"]"#, "", "expected a JSON object"),
            (r#""secret""#, "", "expected a JSON object"),
            ("[secret]", "", "the body is not JSON from line 1, column 2 on"),
            (r#"{"format":"csv""#, "", "the body is not JSON from line 1, column 15 on"),
            ("", "", "the body is not JSON from line 1, column 0 on"),
            (r#"{"format":"csv"} x"#, "", "the body is not JSON from line 1, column 18 on"),
        ] {
            assert_eq!(wrong(body), (pointer.to_owned(), detail.to_owned()), "{body}");
        }
    }
}
