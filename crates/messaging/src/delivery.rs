//! A message as a handler sees it.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use lapin::types::{AMQPValue, FieldTable};
use tracing::Span;

/// Header in which a quorum queue counts how often it has delivered a message before.
const DELIVERY_COUNT: &str = "x-delivery-count";

/// A message that was delivered. Everything in it comes from outside and may be anything.
#[derive(Clone)]
pub struct Delivery {
    /// The encoded message. Never logged.
    pub body: Bytes,
    /// The sender's id of the message, the same for every repetition.
    pub message_id: Option<String>,
    /// Name of the kind of message; the AMQP property `type`.
    pub kind: Option<String>,
    /// The headers that are text, among them trace context and version.
    pub headers: BTreeMap<String, String>,
    /// Whether it was delivered before, to anyone.
    pub redelivered: bool,
    /// How often it was delivered before and came back unsettled.
    pub delivery_count: u32,
    /// The queue it came from.
    pub queue: &'static str,
}

impl Delivery {
    /// Reads a delivery, leaving its body in place.
    pub(crate) fn read(raw: &mut lapin::message::Delivery, queue: &'static str) -> Self {
        let properties = &raw.properties;
        let headers = properties.headers().as_ref();
        Self {
            message_id: properties.message_id().as_ref().map(ToString::to_string),
            kind: properties.kind().as_ref().map(ToString::to_string),
            headers: headers.map(texts).unwrap_or_default(),
            redelivered: raw.redelivered,
            delivery_count: headers.map(delivery_count).unwrap_or_default(),
            queue,
            body: Bytes::from(std::mem::take(&mut raw.data)),
        }
    }

    /// A span for handling this message, a child of the span that sent it (OpenTelemetry semantic
    /// conventions for messaging, operation `process`).
    #[must_use]
    pub fn span(&self) -> Span {
        let span = tracing::info_span!(
            "process",
            otel.name = format!("process {}", self.queue),
            otel.kind = "consumer",
            messaging.system = "rabbitmq",
            messaging.destination.name = self.queue,
            messaging.message.id = tracing::field::Empty,
        );
        // Anything else than a UUID was not written by us and might name someone.
        let id = self.message_id.as_deref().map(uuid::Uuid::try_parse);
        if let Some(Ok(id)) = id {
            span.record("messaging.message.id", tracing::field::display(id));
        }
        telemetry::set_parent(&span, &self.headers);
        span
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("queue", &self.queue)
            .field("body_size_bytes", &self.body.len())
            .field("redelivered", &self.redelivered)
            .field("delivery_count", &self.delivery_count)
            .finish_non_exhaustive()
    }
}

fn texts(headers: &FieldTable) -> BTreeMap<String, String> {
    let text = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => String::from_utf8(text.as_bytes().to_vec()).ok(),
        _ => None,
    };
    headers.inner().iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?))).collect()
}

fn delivery_count(headers: &FieldTable) -> u32 {
    let count = match headers.inner().get(DELIVERY_COUNT) {
        Some(AMQPValue::LongLongInt(count)) => *count,
        Some(AMQPValue::LongInt(count)) => i64::from(*count),
        Some(AMQPValue::LongUInt(count)) => i64::from(*count),
        Some(AMQPValue::ShortInt(count)) => i64::from(*count),
        Some(AMQPValue::ShortShortUInt(count)) => i64::from(*count),
        _ => 0,
    };
    u32::try_from(count).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapin::BasicProperties;

    fn raw(headers: FieldTable) -> lapin::message::Delivery {
        let mut raw = lapin::message::Delivery::mock(1, "".into(), "".into(), true, b"canary".to_vec());
        raw.properties = BasicProperties::default()
            .with_message_id("m1".into())
            .with_type("step.due".into())
            .with_headers(headers);
        raw
    }

    #[test]
    fn headers_that_are_not_text_are_left_out() {
        let mut headers = FieldTable::default();
        headers.insert("traceparent".into(), AMQPValue::LongString("00-a".into()));
        headers.insert("bytes".into(), AMQPValue::LongString(vec![0xff, 0xfe].into()));
        headers.insert("number".into(), 7_i64.into());
        headers.insert(DELIVERY_COUNT.into(), 3_i64.into());
        let delivery = Delivery::read(&mut raw(headers), "q");
        let expected = BTreeMap::from([("traceparent".to_owned(), "00-a".to_owned())]);
        assert_eq!(delivery.headers, expected);
        assert_eq!(delivery.delivery_count, 3);
        assert!(delivery.redelivered);
        assert_eq!(delivery.message_id.as_deref(), Some("m1"));
        assert_eq!(delivery.kind.as_deref(), Some("step.due"));
        assert_eq!(delivery.body.as_ref(), b"canary");
    }

    #[test]
    fn a_body_is_not_shown() {
        let delivery = Delivery::read(&mut raw(FieldTable::default()), "q");
        assert!(!format!("{delivery:?}").contains("canary"));
    }

    #[test]
    fn a_count_that_makes_no_sense_counts_as_none() {
        for value in [AMQPValue::LongLongInt(-1), AMQPValue::Boolean(true)] {
            let mut headers = FieldTable::default();
            headers.insert(DELIVERY_COUNT.into(), value);
            assert_eq!(Delivery::read(&mut raw(headers), "q").delivery_count, 0);
        }
    }
}
