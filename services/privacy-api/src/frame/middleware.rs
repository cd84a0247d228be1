//! The middleware around every request.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use futures::FutureExt as _;
use tracing::{Instrument as _, Span, field};

use super::{answer, metrics, request_id};
use crate::error::ApiError;
use crate::problem::About;
use crate::state::ApiState;

/// The route of a request that matches none.
const UNMATCHED: &str = "unmatched";

/// Surrounds a request.
///
/// # Errors
/// Never with an error of its own: what failed inside comes out as a finished answer.
pub async fn frame(
    state: web::Data<ApiState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun_at = Instant::now();
    let method = request.method().clone();
    let route = request.match_pattern().unwrap_or_else(|| UNMATCHED.to_owned());
    let request_id = request_id::of(request.headers());
    let instance = request.path().to_owned();
    let span = span(&request, &route, &request_id);
    let framed = async {
        let about = About { instance, request_id, trace_id: telemetry::current_trace_id() };
        let answered = answer_to(request, next, state.limits.request_timeout).await;
        let secure = state.links.secure();
        let answered = match answered {
            Ok(response) => {
                let (request, response) = response.into_parts();
                Ok(ServiceResponse::new(
                    request,
                    answer::complete(response.map_into_boxed_body(), &about, secure),
                ))
            }
            Err(response) => Err(answer::complete(response, &about, secure)),
        };
        let status = answered.as_ref().map_or_else(HttpResponse::status, ServiceResponse::status);
        state.metrics.count(&method, &route, status, begun_at.elapsed());
        log(status, begun_at.elapsed());
        // The request is gone where it was dropped in mid-handling; the answer needs no more of it.
        answered.map_err(|response| InternalError::from_response("answered", response).into())
    };
    framed.instrument(span).await
}

/// The inner services' answer. `Err` is an answer too, without the request it belongs to.
async fn answer_to(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    limit: Duration,
) -> Result<ServiceResponse<impl MessageBody + 'static>, HttpResponse> {
    let caught = AssertUnwindSafe(next.call(request)).catch_unwind();
    match tokio::time::timeout(limit, caught).await {
        Ok(Ok(Ok(response))) => Ok(response),
        Ok(Ok(Err(error))) => Err(HttpResponse::from_error(error)),
        Ok(Err(_panic)) => Err(HttpResponse::from_error(ApiError::Internal("the handler panicked", None))),
        Err(_elapsed) => Err(HttpResponse::from_error(ApiError::TimedOut)),
    }
}

fn span(request: &ServiceRequest, route: &str, request_id: &str) -> Span {
    let method = metrics::known(request.method());
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
        request.id = request_id,
    );
    telemetry::set_parent(&span, &trace_context(request));
    span
}

/// The caller's trace; only this header, whatever else there is.
fn trace_context(request: &ServiceRequest) -> BTreeMap<String, String> {
    let value = request.headers().get(telemetry::TRACEPARENT).and_then(|value| value.to_str().ok());
    value.map(|value| (telemetry::TRACEPARENT.to_owned(), value.to_owned())).into_iter().collect()
}

fn log(status: StatusCode, took: Duration) {
    let span = Span::current();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    let duration_ms = took.as_secs_f64() * 1_000.0;
    tracing::info!(duration_ms, "request");
}
