//! Why telemetry could not be set up.

/// Errors of [`init`](crate::init), [`build`](crate::build) and
/// [`TelemetryGuard::shutdown`](crate::TelemetryGuard::shutdown).
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log_filter` is not a filter.
    #[error("log_filter `{value}` is not valid: expected levels by target such as `info,store=debug`")]
    Filter {
        /// What was configured.
        value: String,
        /// What the filter's parser said.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// `otlp_endpoint` cannot be used.
    #[error(
        "otlp_endpoint `{value}` is not valid: expected an http or https address such as `http://collector:4318`"
    )]
    Endpoint {
        /// What was configured.
        value: String,
        /// What the exporter said, where it was asked.
        #[source]
        source: Option<opentelemetry_otlp::ExporterBuildError>,
    },
    /// A subscriber was installed before.
    #[error("telemetry is already set up in this process")]
    AlreadySetUp(#[source] tracing_subscriber::util::TryInitError),
    /// The last spans could not be delivered.
    #[error("the last spans could not be exported")]
    Flush(#[source] opentelemetry_sdk::error::OTelSdkError),
}
