//! The request's id: the caller's own, when it is a sane one, or a new one.

use actix_web::http::header::HeaderMap;
use uuid::Uuid;

/// The header's name, in requests and in answers.
pub(super) const HEADER: &str = "x-request-id";
const LONGEST: usize = 64;

/// The id under which the request is logged. A foreign id is used only if it could not name a
/// person or break a log line.
pub(super) fn of(headers: &HeaderMap) -> String {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
    match given.filter(|id| sane(id)) {
        Some(id) => id.to_owned(),
        None => Uuid::now_v7().to_string(),
    }
}

fn sane(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        let id = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(HEADER), HeaderValue::from_str(value).unwrap());
            of(&headers)
        };
        assert_eq!(id("req-1.a_B"), "req-1.a_B");
        for wrong in ["", "jane@example.com", "a b", &"a".repeat(65)] {
            assert!(Uuid::parse_str(&id(wrong)).is_ok(), "{wrong}");
        }
        assert!(Uuid::parse_str(&of(&HeaderMap::new())).is_ok());
    }
}
