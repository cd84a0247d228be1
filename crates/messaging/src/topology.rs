//! The exchanges and queues of Lethe: a description, without a connection in sight.
//!
//! Every argument is set explicitly, because the defaults differ between RabbitMQ 3.10 and 4.x: a
//! delivery limit exists by default only from 4.0, and dead-lettering loses messages unless the
//! strategy is at-least-once and the queue rejects what is over its length.
//!
//! ```text
//! lethe.work  ──step.export────▶ export-worker.steps
//!             ──step.erasure───▶ erasure-worker.steps
//! lethe.audit ──audit.event────▶ audit-sink.events
//! lethe.dead  ──<queue>.dead-letter──▶ <queue>.dead-letter
//! what no queue takes, on any of them ──▶ lethe.unrouted ──▶ lethe.unrouted
//! ```

use lapin::types::{AMQPValue, FieldTable};

/// Exchange of steps that are due.
pub const WORK: &str = "lethe.work";
/// Exchange of audit events.
pub const AUDIT: &str = "lethe.audit";
/// Exchange of messages that nobody could use.
pub const DEAD: &str = "lethe.dead";
/// Exchange and queue of messages that no queue takes. Its depth should be zero.
pub const UNROUTED: &str = "lethe.unrouted";

/// Deliveries of one message before the broker dead-letters it. Attempts at the work itself are
/// counted in the database; this bounds only messages that never get that far.
const DELIVERY_LIMIT: u32 = 20;
/// Messages a queue holds before it refuses more.
pub(crate) const MAX_LENGTH: u32 = 1_000_000;
/// A limit that is never reached: from RabbitMQ 4.0 on, a queue without one drops a message that an
/// operator has looked at 20 times.
pub(crate) const NO_DELIVERY_LIMIT: u32 = 1_000_000_000;

/// One work queue and how messages reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// Name of the queue.
    pub name: &'static str,
    /// Exchange it is bound to.
    pub exchange: &'static str,
    /// Routing key it is bound by.
    pub routing_key: &'static str,
    /// Whether the broker delivers to one consumer at a time and keeps the others in reserve.
    pub single_active_consumer: bool,
    /// Deliveries of one message before the broker dead-letters it.
    pub delivery_limit: u32,
    /// Messages held before more are refused.
    pub max_length: u32,
}

impl QueueSpec {
    const fn steps(name: &'static str, routing_key: &'static str) -> Self {
        Self {
            name,
            exchange: WORK,
            routing_key,
            single_active_consumer: false,
            delivery_limit: DELIVERY_LIMIT,
            max_length: MAX_LENGTH,
        }
    }

    /// Name of the queue of messages that could not be used.
    #[must_use]
    pub fn dead_letter_queue(&self) -> String {
        format!("{}.dead-letter", self.name)
    }

    pub(crate) fn arguments(&self) -> FieldTable {
        let mut arguments = quorum(self.delivery_limit, self.max_length);
        let mut text = |name: &str, value: &str| {
            arguments.insert(name.into(), AMQPValue::LongString(value.into()));
        };
        text("x-dead-letter-exchange", DEAD);
        text("x-dead-letter-routing-key", &self.dead_letter_queue());
        text("x-dead-letter-strategy", "at-least-once");
        if self.single_active_consumer {
            arguments.insert("x-single-active-consumer".into(), true.into());
        }
        arguments
    }
}

/// Steps of exports.
pub const EXPORT_STEPS: QueueSpec = QueueSpec::steps("export-worker.steps", "step.export");
/// Steps of erasures, and their verification.
pub const ERASURE_STEPS: QueueSpec = QueueSpec::steps("erasure-worker.steps", "step.erasure");
/// Audit events, taken by one sink at a time.
pub const AUDIT_EVENTS: QueueSpec = QueueSpec {
    exchange: AUDIT,
    single_active_consumer: true,
    ..QueueSpec::steps("audit-sink.events", "audit.event")
};

/// Every work queue.
pub const QUEUES: [QueueSpec; 3] = [EXPORT_STEPS, ERASURE_STEPS, AUDIT_EVENTS];

/// Arguments common to all queues. Integers are 64 bits wide on the wire, as in definition files.
pub(crate) fn quorum(delivery_limit: u32, max_length: u32) -> FieldTable {
    let mut arguments = FieldTable::default();
    let mut insert = |name: &str, value: AMQPValue| {
        arguments.insert(name.into(), value);
    };
    insert("x-queue-type", AMQPValue::LongString("quorum".into()));
    insert("x-overflow", AMQPValue::LongString("reject-publish".into()));
    insert("x-delivery-limit", i64::from(delivery_limit).into());
    insert("x-max-length", i64::from(max_length).into());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_work_queue_has_every_argument_its_safety_rests_on() {
        let arguments = AUDIT_EVENTS.arguments();
        let found: BTreeSet<(String, String)> = arguments
            .inner()
            .iter()
            .map(|(name, value)| {
                let text = match value {
                    AMQPValue::LongString(text) => text.to_string(),
                    AMQPValue::LongLongInt(number) => number.to_string(),
                    AMQPValue::Boolean(truth) => truth.to_string(),
                    other => format!("{other:?}"),
                };
                (name.to_string(), text)
            })
            .collect();
        let expected = [
            ("x-queue-type", "quorum"),
            ("x-overflow", "reject-publish"),
            ("x-delivery-limit", "20"),
            ("x-max-length", "1000000"),
            ("x-dead-letter-exchange", "lethe.dead"),
            ("x-dead-letter-routing-key", "audit-sink.events.dead-letter"),
            ("x-dead-letter-strategy", "at-least-once"),
            ("x-single-active-consumer", "true"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(found, BTreeSet::from(expected));
        assert!(!EXPORT_STEPS.arguments().contains_key("x-single-active-consumer"));
    }

    #[test]
    fn names_and_keys_are_distinct_and_fit() {
        let names: BTreeSet<&str> = QUEUES.iter().map(|queue| queue.name).collect();
        let keys: BTreeSet<_> = QUEUES.iter().map(|queue| (queue.exchange, queue.routing_key)).collect();
        assert_eq!((names.len(), keys.len()), (QUEUES.len(), QUEUES.len()));
        assert!(QUEUES.iter().all(|queue| queue.dead_letter_queue().len() < 255));
    }
}
