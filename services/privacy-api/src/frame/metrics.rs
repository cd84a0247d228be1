//! How many requests, and how long they take.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use prometheus::{HistogramVec, IntCounterVec};
use telemetry::metrics::{MetricError, Metrics};

/// Seconds: from a look at an index to the request timeout.
const BUCKETS: [f64; 11] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Counts requests by method, route and status. Labels come from closed lists.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
}

impl HttpMetrics {
    /// Registers the instruments.
    ///
    /// # Errors
    /// [`MetricError`] when one is registered already with another shape.
    pub fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        let requests = metrics.counter_vec(
            "lethe_http_requests_total",
            "HTTP requests answered.",
            &["method", "route", "code"],
        )?;
        let seconds = metrics.histogram_vec(
            "lethe_http_request_duration_seconds",
            "Time until an HTTP answer begins.",
            &["method", "route"],
            &BUCKETS,
        )?;
        Ok(Self { requests, seconds })
    }

    /// Counts one answered request.
    pub(super) fn count(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let method = known(method);
        self.requests.with_label_values(&[method, route, status.as_str()]).inc();
        self.seconds.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }
}

/// A caller can invent methods, and must not make a time series by it.
pub(super) fn known(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS => method.as_str(),
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_methods_share_one_name() {
        assert_eq!(known(&Method::from_bytes(b"JANE").unwrap()), "OTHER");
        assert_eq!(known(&Method::POST), "POST");
    }
}
