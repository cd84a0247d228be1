//! What an operator may choose about logs and traces.

use serde::Deserialize;

/// Settings of logs and traces of one service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// Which events are logged, in the syntax of `tracing_subscriber::EnvFilter`,
    /// for example `info,store=debug`.
    pub log_filter: String,
    /// How a log line looks.
    pub log_format: LogFormat,
    /// Base address of an OTLP/HTTP collector, for example `http://collector:4318`.
    /// Without it no trace leaves the process.
    pub otlp_endpoint: Option<String>,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { log_filter: "info".to_owned(), log_format: LogFormat::default(), otlp_endpoint: None }
    }
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    #[default]
    Json,
    /// Plain text, for people at a terminal.
    Text,
}
