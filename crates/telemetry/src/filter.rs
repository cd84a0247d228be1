//! Which events reach the log and which spans reach the collector.
//!
//! Two rules hold whatever an operator configures, because a message body could otherwise be
//! printed: the AMQP client logs a returned message with its payload under
//! `lapin::returned_messages`, and every frame with its payload at its trace level.

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;

use crate::TelemetryError;

/// The AMQP client's target whose events carry whole messages.
pub const RETURNED_MESSAGES: &str = "lapin::returned_messages";

/// Targets whose spans describe the delivery of telemetry itself, or transport below our own spans.
const NOT_TRACED: [&str; 7] =
    ["h2", "hyper", "hyper_util", "opentelemetry", "opentelemetry-otlp", "opentelemetry_sdk", "reqwest"];

/// Parses an operator's filter.
///
/// # Errors
/// [`TelemetryError::Filter`] when `value` is not a filter.
pub(crate) fn parse(value: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder()
        .parse(value)
        .map_err(|source| TelemetryError::Filter { value: value.to_owned(), source })
}

/// Whether an event or span may be logged at all: false for what would print a message body.
#[must_use]
pub fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let amqp_client = is_within(metadata.target(), "lapin");
    !(is_within(metadata.target(), RETURNED_MESSAGES) || amqp_client && *metadata.level() == Level::TRACE)
}

/// Whether a span may be sent to the collector: our own at info and above.
#[must_use]
pub fn may_be_traced(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    *metadata.level() <= Level::INFO
        && may_be_logged(metadata)
        && !NOT_TRACED.iter().any(|crate_| is_within(target, crate_))
}

/// Whether `target` is `module` or lies below it.
fn is_within(target: &str, module: &str) -> bool {
    target.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_within_its_own_module_only() {
        assert!(is_within("lapin", "lapin"));
        assert!(is_within("lapin::channel", "lapin"));
        assert!(!is_within("lapinish", "lapin"));
        assert!(!is_within("hyperspace", "hyper"));
    }

    #[test]
    fn a_filter_that_is_none_is_refused_by_name() {
        let error = parse("info,store=loud").unwrap_err();
        assert!(error.to_string().contains("log_filter `info,store=loud`"));
    }
}
