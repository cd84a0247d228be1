//! Puts log and trace layers together.

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::json::JsonLines;
use crate::{LogFormat, TelemetryConfig, TelemetryError, filter, otlp};

/// Sets up logs on standard output and traces for the whole process.
///
/// # Errors
/// [`TelemetryError`] when a setting is not valid or the process is already set up.
pub fn init(service_name: &str, config: &TelemetryConfig) -> Result<TelemetryGuard, TelemetryError> {
    let (subscriber, guard) = build(service_name, config, std::io::stdout)?;
    subscriber.try_init().map_err(TelemetryError::AlreadySetUp)?;
    Ok(guard)
}

/// The same set-up as [`init`] with log lines going to `writer`, installed nowhere.
///
/// # Errors
/// [`TelemetryError`] when a setting is not valid.
pub fn build<W>(
    service_name: &str,
    config: &TelemetryConfig,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync + 'static, TelemetryGuard), TelemetryError>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let log_filter = filter::parse(&config.log_filter)?;
    let provider = otlp::provider(service_name, config.otlp_endpoint.as_deref())?;
    let traces = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("lethe"))
        .with_location(false)
        .with_threads(false)
        .with_filter(filter_fn(filter::may_be_traced));
    let logs = log_lines(service_name, config.log_format, writer)
        .with_filter(log_filter.and(filter_fn(filter::may_be_logged)));
    let subscriber = Registry::default().with(traces).with(logs);
    Ok((subscriber, TelemetryGuard { provider }))
}

fn log_lines<S, W>(service_name: &str, format: LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    match format {
        LogFormat::Json => Box::new(JsonLines::new(service_name, writer)),
        LogFormat::Text => Box::new(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer)),
    }
}

/// Holds what must be flushed before the process ends.
#[must_use = "spans still in memory are lost unless `shutdown` is called"]
#[derive(Debug)]
pub struct TelemetryGuard {
    provider: SdkTracerProvider,
}

impl TelemetryGuard {
    /// Delivers the spans still in memory and ends tracing. Blocks for up to 10 seconds: call it
    /// inside `spawn_blocking`, after everything else has stopped.
    ///
    /// # Errors
    /// [`TelemetryError::Flush`] when the collector did not take the last spans.
    pub fn shutdown(self) -> Result<(), TelemetryError> {
        // Shutting down alone exports too, but keeps silent about a collector that was away.
        let flushed = self.provider.force_flush();
        let ended = self.provider.shutdown();
        match flushed.and(ended) {
            Ok(()) | Err(OTelSdkError::AlreadyShutdown) => Ok(()),
            Err(error) => Err(TelemetryError::Flush(error)),
        }
    }
}
