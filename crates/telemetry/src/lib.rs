//! What a service tells its operators: log lines, traces and metrics.
//!
//! Logs are JSON lines on standard output, traces leave through OTLP when an endpoint is configured,
//! metrics are counted in a [`metrics::Metrics`] registry and rendered as Prometheus text. Personal
//! data never enters any of the three; the filter in [`filter`] keeps message bodies out even when
//! an operator asks for the most detailed log level.

mod config;
mod error;
mod fields;
pub mod filter;
mod json;
pub mod metrics;
mod otlp;
mod propagation;
mod setup;
#[cfg(feature = "testing")]
pub mod testing;

pub use config::{LogFormat, TelemetryConfig};
pub use error::TelemetryError;
pub use fields::as_error;
pub use propagation::{
    TRACEPARENT, current_trace_id, inject_current, inject_span, set_parent, span_from_traceparent,
};
pub use setup::{TelemetryGuard, build, init};
