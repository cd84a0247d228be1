//! What went wrong, before the request's own path and id are put to it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use contracts::http::{FieldError, Problem};

/// The media type of every error (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A problem without the request it belongs to. Travels in the extensions of a response until the
/// frame, which knows the request, writes it.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The last part of its type, as `equal-job-open`.
    pub name: &'static str,
    /// The kind of problem in a few words.
    pub title: &'static str,
    /// What is wrong with this request and what would be right.
    pub detail: String,
    /// The members or parameters that are wrong.
    pub errors: Vec<FieldError>,
    /// The job that stands in the way.
    pub job: Option<String>,
    /// The hold that is stored and does not bind yet.
    pub hold: Option<String>,
}

/// The request that a problem belongs to.
#[derive(Debug, Clone)]
pub struct About {
    /// The path, without the query.
    pub instance: String,
    /// The request's id.
    pub request_id: String,
    /// The trace's id.
    pub trace_id: Option<String>,
}

impl Draft {
    /// A problem of that kind.
    #[must_use]
    pub fn new(name: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { name, title, detail: detail.into(), ..Self::default() }
    }

    /// The problem of a response that nobody gave a body, as the framework's own answers.
    #[must_use]
    pub fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::new(
                "no-such-path",
                "not found",
                "there is nothing at this path; /docs lists what there is",
            ),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                "method-not-allowed",
                "method not allowed",
                "this path does not answer to this method; the Allow header names those it does",
            ),
            status if status.is_client_error() => {
                Self::new("bad-request", "bad request", "the request cannot be understood")
            }
            _ => Self::new(
                "internal",
                "internal error",
                "something went wrong on our side; the log has it under the request's id",
            ),
        }
    }

    /// Writes the problem as the body of `response`.
    #[must_use]
    pub fn write(self, response: HttpResponse, about: &About) -> HttpResponse {
        let problem = Problem {
            type_uri: format!("urn:lethe:problem:{}", self.name),
            title: self.title.to_owned(),
            status: response.status().as_u16(),
            detail: self.detail,
            instance: about.instance.clone(),
            errors: self.errors,
            request_id: about.request_id.clone(),
            trace_id: about.trace_id.clone(),
            job: self.job,
            hold: self.hold,
        };
        // Text and numbers only: this cannot fail, and an empty body would still carry the status.
        let body = serde_json::to_string(&problem).unwrap_or_default();
        let mut response = response.set_body(body).map_into_boxed_body();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response
    }
}
