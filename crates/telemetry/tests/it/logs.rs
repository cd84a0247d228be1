use std::io;

use telemetry::{LogFormat, TelemetryConfig};
use tracing::dispatcher::with_default;

use crate::support::subscribe;

#[derive(Debug)]
struct Failed(io::Error);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("could not do it")
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn everything() -> TelemetryConfig {
    TelemetryConfig { log_filter: "trace".to_owned(), ..TelemetryConfig::default() }
}

#[test]
fn a_line_is_one_flat_object() {
    let (dispatch, _guard, lines) = subscribe("export-worker", &everything());
    with_default(&dispatch, || {
        let outer = tracing::info_span!("job", job.id = "j1", step = 1, late = tracing::field::Empty);
        let _outer = outer.enter();
        outer.record("late", true);
        let _inner = tracing::info_span!("step", step = 7, otel.kind = "consumer").entered();
        let failed = Failed(io::Error::other("disk full"));
        let error: &(dyn std::error::Error + 'static) = &failed;
        tracing::warn!(rows = 12_u64, ratio = 0.5, level = "mine", error, "step \"ended\"");
    });
    assert!(lines.text().starts_with(r#"{"time":"2"#), "{}", lines.text());
    let found = lines.json();
    let [line] = found.as_slice() else { panic!("expected one line, found {found:?}") };
    let time = line["time"].as_str().unwrap();
    assert!(time.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(time).is_ok());
    assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
    assert_eq!(line["span_id"].as_str().unwrap().len(), 16);
    let mut rest = line.as_object().unwrap().clone();
    rest.retain(|name, _| !["time", "trace_id", "span_id"].contains(&name.as_str()));
    let expected = serde_json::json!({
        "level": "WARN", "target": "it::logs", "service": "export-worker", "message": "step \"ended\"",
        "span": "step", "job.id": "j1", "step": 7, "late": true, "rows": 12, "ratio": 0.5,
        "field.level": "mine", "error": "could not do it: disk full",
    });
    assert_eq!(serde_json::Value::Object(rest), expected);
}

#[test]
fn an_event_outside_any_span_has_no_trace() {
    let (dispatch, _guard, lines) = subscribe("test", &everything());
    with_default(&dispatch, || tracing::info!("alone"));
    let line = &lines.json()[0];
    assert!(line.get("trace_id").is_none() && line.get("span").is_none());
}

#[test]
fn message_bodies_never_reach_the_log() {
    let (dispatch, _guard, lines) = subscribe("test", &everything());
    with_default(&dispatch, || {
        tracing::error!(target: "lapin::returned_messages", message = "canary");
        tracing::trace!(target: "lapin::channels", frame = "canary");
        tracing::debug!(target: "lapin::channels", "kept");
    });
    assert!(!lines.text().contains("canary"));
    assert_eq!(lines.json().len(), 1);
}

#[test]
fn an_operator_cannot_switch_message_bodies_on() {
    let config = TelemetryConfig {
        log_filter: "info,lapin=trace,lapin::returned_messages=trace".to_owned(),
        ..TelemetryConfig::default()
    };
    let (dispatch, _guard, lines) = subscribe("test", &config);
    with_default(&dispatch, || {
        tracing::warn!(target: "lapin::returned_messages", message = "canary");
        tracing::trace!(target: "lapin::channels", frame = "canary");
    });
    assert_eq!(lines.text(), "");
}

#[test]
fn the_default_filter_is_info() {
    let (dispatch, _guard, lines) = subscribe("test", &TelemetryConfig::default());
    with_default(&dispatch, || {
        tracing::debug!("unseen");
        tracing::info!("seen");
    });
    assert_eq!(lines.json().len(), 1);
}

#[test]
fn text_is_for_people() {
    let config = TelemetryConfig { log_format: LogFormat::Text, ..TelemetryConfig::default() };
    let (dispatch, _guard, lines) = subscribe("test", &config);
    with_default(&dispatch, || tracing::info!(rows = 3, "done"));
    assert!(lines.text().contains("INFO it::logs: done rows=3"), "{}", lines.text());
}

#[test]
fn records_of_the_log_crate_keep_their_target() {
    let (dispatch, _guard, lines) = subscribe("test", &everything());
    with_default(&dispatch, || {
        tracing::warn!(target: "log", { log.target = "some_crate::module", log.line = 3 }, "from log");
    });
    let line = &lines.json()[0];
    assert_eq!(line["target"], "some_crate::module");
    assert_eq!(line["message"], "from log");
    assert!(line.get("log.target").is_none() && line.get("log.line").is_none());
}
