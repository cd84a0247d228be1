//! Log lines as JSON: one flat object an event, the fields of the surrounding spans beside its own.

use std::fmt::Debug;
use std::io::Write;

use chrono::{SecondsFormat, Utc};
use opentelemetry::trace::TraceContextExt;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Names a line gives itself; a field of the same name is written as `field.<name>`.
const OWN_NAMES: [&str; 7] = ["time", "level", "target", "service", "span", "trace_id", "span_id"];

/// Writes one JSON object a line for every event.
///
/// Never fails the caller: a line that cannot be written is dropped.
pub(crate) struct JsonLines<W> {
    service: String,
    writer: W,
}

impl<W> JsonLines<W> {
    pub(crate) fn new(service: &str, writer: W) -> Self {
        Self { service: service.to_owned(), writer }
    }
}

/// The fields of a span, kept beside it in the registry.
struct SpanFields(Map<String, Value>);

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields.values));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(SpanFields(known)) = span.extensions_mut().get_mut() {
            known.append(&mut fields.values);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Map::new();
        if let Some(scope) = context.event_scope(event) {
            for span in scope.from_root() {
                if let Some(SpanFields(fields)) = span.extensions().get() {
                    line.extend(fields.clone());
                }
                line.insert("span".to_owned(), span.name().into());
            }
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        line.extend(fields.values);
        self.add_own(&mut line, event.metadata(), fields.log_target);
        self.write(&line);
    }
}

impl<W> JsonLines<W>
where
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn add_own(&self, line: &mut Map<String, Value>, metadata: &Metadata<'_>, log_target: Option<String>) {
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let target = log_target.unwrap_or_else(|| metadata.target().to_owned());
        line.insert("time".to_owned(), now.into());
        line.insert("level".to_owned(), metadata.level().as_str().into());
        line.insert("target".to_owned(), target.into());
        line.insert("service".to_owned(), self.service.clone().into());
        let current = opentelemetry::Context::current();
        let span = current.span();
        let ids = span.span_context();
        if ids.is_valid() {
            line.insert("trace_id".to_owned(), ids.trace_id().to_string().into());
            line.insert("span_id".to_owned(), ids.span_id().to_string().into());
        }
    }

    fn write(&self, line: &Map<String, Value>) {
        let Ok(mut bytes) = serde_json::to_vec(&InReadingOrder(line)) else {
            return;
        };
        bytes.push(b'\n');
        // One write a line, so that lines of several threads never mix. Standard output that is
        // gone leaves nowhere to say so.
        drop(self.writer.make_writer().write_all(&bytes));
    }
}

/// A line with the names a reader looks for first in front.
struct InReadingOrder<'a>(&'a Map<String, Value>);

impl Serialize for InReadingOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const FIRST: [&str; 4] = ["time", "level", "target", "message"];
        let first = FIRST.iter().filter_map(|name| self.0.get_key_value(*name));
        let rest = self.0.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()));
        serializer.collect_map(first.chain(rest))
    }
}

/// Collects the fields of a span or an event.
#[derive(Default)]
struct Fields {
    values: Map<String, Value>,
    /// Target of a record that came through the `log` crate.
    log_target: Option<String>,
}

impl Fields {
    fn insert(&mut self, field: &Field, value: Value) {
        let name = field.name();
        if name == "log.target" {
            self.log_target = value.as_str().map(str::to_owned);
        } else if name.starts_with("log.") || name.starts_with("otel.") {
            // Bookkeeping of the bridges, not facts about the event.
        } else if OWN_NAMES.contains(&name) {
            self.values.insert(format!("field.{name}"), value);
        } else {
            self.values.insert(name.to_owned(), value);
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.insert(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }

    /// An error prints only itself; its sources say why.
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let chain: Vec<String> =
            std::iter::successors(Some(value), |error| error.source()).map(ToString::to_string).collect();
        self.insert(field, chain.join(": ").into());
    }
}
