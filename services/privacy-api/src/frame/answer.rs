//! Completes an answer: writes the problem of a failed one, and the headers of every one.

use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse};

use super::headers;
use crate::error::ApiError;
use crate::problem::{About, Draft};

/// Completes an answer.
pub(super) fn complete(mut response: HttpResponse, about: &About, secure: bool) -> HttpResponse {
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        log_fault(status, response.error());
        let draft = response.extensions_mut().remove::<Draft>();
        response = draft.unwrap_or_else(|| Draft::of(status)).write(response, about);
    }
    headers::add(response.headers_mut(), &about.request_id, secure);
    response
}

/// A fault of ours is logged once, here, with its sources; what callers do wrong is in the line
/// that every request gets.
fn log_fault(status: StatusCode, error: Option<&Error>) {
    if !status.is_server_error() {
        return;
    }
    match error.and_then(|error| error.as_error::<ApiError>()) {
        Some(error) => tracing::error!(error = telemetry::as_error(error), "the request failed"),
        None => tracing::error!("the request failed"),
    }
}
