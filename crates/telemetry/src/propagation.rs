//! The W3C trace context, in and out of message and HTTP headers.
//!
//! Of it only `traceparent`, which holds numbers. What `tracestate` holds is up to callers: it is neither
//! read nor passed on, so that nothing of it is ever kept.
//!
//! Headers are a plain map of text, so that the same code serves AMQP, HTTP and the outbox row
//! that carries the context between the two.

use std::collections::BTreeMap;

use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Header naming the trace and the calling span (W3C Trace Context, section 3.2).
pub const TRACEPARENT: &str = "traceparent";

/// The headers that make a receiver continue the current span's trace.
///
/// Empty when no span is current or no tracer is installed.
#[must_use]
pub fn inject_current() -> BTreeMap<String, String> {
    inject_span(&Span::current())
}

/// The headers that make a receiver continue the trace of `span`.
#[must_use]
pub fn inject_span(span: &Span) -> BTreeMap<String, String> {
    let mut carrier = Carrier(BTreeMap::new());
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
    carrier.0.retain(|name, _| name == TRACEPARENT);
    carrier.0
}

/// Makes `span` a child of the span named in `headers`; says whether it now is one.
///
/// Must be called before `span` is entered. Headers that are absent or malformed leave the span as
/// it was: a caller's broken trace context is no reason to refuse its message.
pub fn set_parent(span: &Span, headers: &BTreeMap<String, String>) -> bool {
    let parent = TraceContextPropagator::new().extract(&Source(headers));
    parent.span().span_context().is_valid() && span.set_parent(parent).is_ok()
}

/// A span called `operation` that continues the trace named in `headers`.
#[must_use]
pub fn span_from_traceparent(operation: &str, headers: &BTreeMap<String, String>) -> Span {
    let span = tracing::info_span!("continued", otel.name = operation);
    set_parent(&span, headers);
    span
}

/// The current trace's id as 32 hexadecimal digits, if there is a trace.
#[must_use]
pub fn current_trace_id() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let ids = span.span_context();
    ids.is_valid().then(|| ids.trace_id().to_string())
}

struct Carrier(BTreeMap<String, String>);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value);
    }
}

struct Source<'a>(&'a BTreeMap<String, String>);

impl Extractor for Source<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).filter(|_| key == TRACEPARENT).map(String::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).filter(|key| *key == TRACEPARENT).collect()
    }
}
