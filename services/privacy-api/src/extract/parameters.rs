//! The parameters of a query: each known, each once, each right, or all that is wrong is said.

use std::collections::BTreeMap;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use contracts::http::FieldError;
use url::form_urlencoded;

use crate::error::ApiError;

/// The highest number of a volume that is looked for.
pub const MOST_VOLUMES: i32 = 99_999;

/// Most entries of a page.
pub const LARGEST_PAGE: i64 = 200;
/// Entries of a page when nothing is asked.
const USUAL_PAGE: i64 = 50;

/// The parameters of a query that are not read yet, and what is wrong so far.
#[derive(Debug, Default)]
pub struct Parameters {
    values: BTreeMap<String, String>,
    errors: Vec<FieldError>,
}

/// Which page of a list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// At most so many entries.
    pub limit: i64,
    /// Where it begins.
    pub cursor: Option<String>,
}

impl FromRequest for Parameters {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request.query_string())))
    }
}

impl Parameters {
    /// Splits a query.
    #[must_use]
    pub fn of(query: &str) -> Self {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if parameters.values.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                parameters.wrong(&name, "give this parameter once");
            }
        }
        parameters
    }

    /// Says that a parameter is wrong.
    pub fn wrong(&mut self, name: &str, detail: impl Into<String>) {
        self.errors.push(FieldError { pointer: name.to_owned(), detail: detail.into() });
    }

    /// A parameter as it is.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)
    }

    /// A parameter that `parse` must understand; `expected` says what would be right.
    pub fn parsed<T>(&mut self, name: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = self.text(name)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            self.wrong(name, expected);
        }
        parsed
    }

    /// One of some names.
    pub fn one_of(&mut self, name: &str, names: &[&'static str]) -> Option<&'static str> {
        let expected = format!("expected one of {}", names.join(", "));
        self.parsed(name, &expected, |value| names.iter().copied().find(|known| *known == value))
    }

    /// `limit` and `cursor`.
    pub fn page(&mut self) -> Page {
        let within = |value: &str| {
            let digits = value.bytes().all(|byte| byte.is_ascii_digit());
            value.parse().ok().filter(|limit| digits && (1..=LARGEST_PAGE).contains(limit))
        };
        let limit = self.parsed("limit", "expected a whole number from 1 to 200", within);
        Page { limit: limit.unwrap_or(USUAL_PAGE), cursor: self.text("cursor") }
    }

    /// To be called when every known parameter was read: what is left is not known.
    ///
    /// # Errors
    /// [`ApiError::Parameters`] with everything that is wrong.
    pub fn finish(mut self) -> Result<(), ApiError> {
        for name in std::mem::take(&mut self.values).into_keys() {
            self.wrong(&name, "there is no such parameter");
        }
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::Parameters(self.errors)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(parameters: Parameters) -> Vec<(String, String)> {
        match parameters.finish() {
            Err(ApiError::Parameters(errors)) => {
                errors.into_iter().map(|error| (error.pointer, error.detail)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_right_query_is_read() {
        let mut parameters = Parameters::of("limit=200&cursor=a%20b&kind=export");
        assert_eq!(parameters.page(), Page { limit: 200, cursor: Some("a b".to_owned()) });
        assert_eq!(parameters.one_of("kind", &["export"]), Some("export"));
        parameters.finish().unwrap();
        assert_eq!(Parameters::of("").page().limit, 50);
    }

    #[test]
    fn everything_wrong_is_said_and_no_value_repeated() {
        for limit in ["0", "201", "-1", "+5", "1.5", "", "x", "99999999999999999999"] {
            let mut parameters = Parameters::of(&format!("limit={limit}"));
            parameters.page();
            assert_eq!(
                wrong(parameters),
                [("limit".to_owned(), "expected a whole number from 1 to 200".to_owned())]
            );
        }
        let mut parameters = Parameters::of("kind=secret&kind=secret&other=secret");
        parameters.one_of("kind", &["export"]);
        let errors = wrong(parameters);
        assert_eq!(
            errors.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["kind", "kind", "other"]
        );
        assert!(!format!("{errors:?}").contains("secret"));
    }
}
