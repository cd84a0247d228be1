//! The request's id: the caller's own, when it has our form, or a new one.

use actix_web::http::header::HeaderMap;
use uuid::Uuid;

/// The header's name, in requests and in answers.
pub(super) const HEADER: &str = "x-request-id";

/// The id under which the request is logged. A foreign one is used only if it is a UUID as we write
/// them: whatever else fits into a header could be a name, a number of a person, or a key.
pub(super) fn of(headers: &HeaderMap) -> String {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
    match given.filter(|id| has_our_form(id)) {
        Some(id) => id.to_owned(),
        None => Uuid::now_v7().to_string(),
    }
}

fn has_our_form(id: &str) -> bool {
    Uuid::try_parse(id).is_ok_and(|uuid| uuid.hyphenated().to_string() == id)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn an_id_of_our_form_is_kept_and_any_other_replaced() {
        let id = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(HEADER), HeaderValue::from_str(value).unwrap());
            of(&headers)
        };
        let ours = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
        assert_eq!(id(ours), ours);
        let upper = ours.to_uppercase();
        let bare = ours.replace('-', "");
        let braced = format!("{{{ours}}}");
        let long = format!("{ours}0");
        for wrong in
            ["", "req-1.a_B", "jane@example.com", "jane.doe", "0123456789", &upper, &bare, &braced, &long]
        {
            let new = id(wrong);
            assert!(has_our_form(&new) && new != *wrong, "{wrong}");
        }
        assert!(Uuid::parse_str(&of(&HeaderMap::new())).is_ok());
    }
}
