use std::collections::BTreeMap;
use std::time::Duration;

use telemetry::testing::OtlpReceiver;
use telemetry::{TRACEPARENT, TelemetryConfig};
use tracing::dispatcher::with_default;

use crate::support::subscribe;

const FOREIGN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_trace_survives_the_way_through_headers() {
    let (dispatch, _guard, lines) = subscribe("test", &TelemetryConfig::default());
    with_default(&dispatch, || {
        let (sent, sender_trace) = tracing::info_span!("request")
            .in_scope(|| (telemetry::inject_current(), telemetry::current_trace_id()));
        assert_eq!(sent.keys().collect::<Vec<_>>(), [TRACEPARENT]);
        let receiver = telemetry::span_from_traceparent("process", &sent);
        receiver.in_scope(|| tracing::info!("received"));
        let receiver_trace = receiver.in_scope(telemetry::current_trace_id);
        assert!(sender_trace.is_some());
        assert_eq!(sender_trace, receiver_trace);
        assert_eq!(lines.json()[0]["trace_id"].as_str(), sender_trace.as_deref());
    });
}

#[test]
fn a_foreign_trace_is_continued_and_nothing_else_of_it_is_kept() {
    let (dispatch, _guard, _) = subscribe("test", &TelemetryConfig::default());
    let headers = BTreeMap::from([
        (TRACEPARENT.to_owned(), FOREIGN.to_owned()),
        ("tracestate".to_owned(), "vendor=jane.doe".to_owned()),
    ]);
    with_default(&dispatch, || {
        let span = tracing::info_span!("request");
        assert!(telemetry::set_parent(&span, &headers));
        let onward = telemetry::inject_span(&span);
        assert_eq!(onward.keys().collect::<Vec<_>>(), [TRACEPARENT]);
        assert_eq!(onward[TRACEPARENT][..36], FOREIGN[..36]);
        assert_ne!(onward[TRACEPARENT], FOREIGN);
    });
}

#[test]
fn a_broken_trace_context_is_ignored() {
    let (dispatch, _guard, _) = subscribe("test", &TelemetryConfig::default());
    with_default(&dispatch, || {
        for broken in [
            "",
            "00-zz-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "\u{1F512}",
        ] {
            let headers = BTreeMap::from([(TRACEPARENT.to_owned(), broken.to_owned())]);
            let span = tracing::info_span!("request");
            assert!(!telemetry::set_parent(&span, &headers), "{broken}");
            assert!(span.in_scope(telemetry::current_trace_id).is_some());
        }
    });
}

#[test]
fn without_a_tracer_there_is_nothing_to_hand_on() {
    assert_eq!(telemetry::inject_current(), BTreeMap::new());
    assert_eq!(telemetry::current_trace_id(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_receives_the_spans_of_one_trace() {
    let collector = OtlpReceiver::start().await.unwrap();
    let config = TelemetryConfig { otlp_endpoint: Some(collector.endpoint()), ..TelemetryConfig::default() };
    let (dispatch, guard, _) = subscribe("export-worker", &config);
    let trace = with_default(&dispatch, || {
        let outer = tracing::info_span!("request", http.request.method = "POST");
        let outer = outer.entered();
        tracing::info_span!(target: "hyper::client", "transport").in_scope(|| ());
        tracing::debug_span!("detail").in_scope(|| ());
        telemetry::span_from_traceparent("process step.export", &telemetry::inject_current()).in_scope(|| ());
        let trace = telemetry::current_trace_id();
        drop(outer);
        trace
    });
    drop(dispatch);
    tokio::task::spawn_blocking(move || guard.shutdown()).await.unwrap().unwrap();
    let spans = collector
        .wait_for(Duration::from_secs(10), |spans| spans.len() >= 2)
        .await
        .expect("two spans within ten seconds");
    assert_eq!(spans.len(), 2, "{spans:?}");
    let request = spans.iter().find(|span| span.name == "request").unwrap();
    let process = spans.iter().find(|span| span.name == "process step.export").unwrap();
    assert_eq!(Some(&request.trace_id), trace.as_ref());
    assert_eq!(request.trace_id, process.trace_id);
    assert_eq!(process.parent_span_id, request.span_id);
    assert_eq!(request.parent_span_id, "");
    assert_eq!(request.service, "export-worker");
    assert_eq!(request.attributes["http.request.method"], "POST");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_fails_the_flush_and_nothing_else() {
    let gone = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let config = TelemetryConfig { otlp_endpoint: Some(endpoint), ..TelemetryConfig::default() };
    let (dispatch, guard, lines) = subscribe("test", &config);
    with_default(&dispatch, || {
        tracing::info_span!("request").in_scope(|| tracing::info!("works"));
    });
    let outcome = tokio::task::spawn_blocking(move || guard.shutdown()).await.unwrap();
    assert_eq!(outcome.unwrap_err().to_string(), "the last spans could not be exported");
    assert_eq!(lines.json().len(), 1);
}
