//! The exchanges and queues of Lethe, as a description and as declarations.
//!
//! Every argument is set explicitly, because the defaults differ between RabbitMQ 3.10 and 4.x: a
//! delivery limit exists by default only from 4.0, and dead-lettering loses messages unless the
//! strategy is at-least-once and the queue rejects what is over its length.
//!
//! ```text
//! lethe.work  ──step.export────▶ export-worker.steps
//!             ──step.erasure───▶ erasure-worker.steps
//!             ──step.retention─▶ retention-scheduler.steps
//! lethe.audit ──audit.event────▶ audit-sink.events
//! lethe.dead  ──<queue>.dead-letter──▶ <queue>.dead-letter
//! what no queue takes, on any of them ──▶ lethe.unrouted ──▶ lethe.unrouted
//! ```

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ErrorKind, ExchangeKind};

use crate::connection::Link;
use crate::deadline::within;
use crate::{AmqpConfig, MessagingError};

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
const MAX_LENGTH: u32 = 1_000_000;
/// A limit that is never reached: from RabbitMQ 4.0 on, a queue without one drops a message that an
/// operator has looked at 20 times.
const NO_DELIVERY_LIMIT: u32 = 1_000_000_000;

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

    fn arguments(&self) -> FieldTable {
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
/// Steps of planning that belong to time: due policies and expiring packages.
pub const RETENTION_STEPS: QueueSpec = QueueSpec::steps("retention-scheduler.steps", "step.retention");
/// Audit events, taken by one sink at a time.
pub const AUDIT_EVENTS: QueueSpec = QueueSpec {
    exchange: AUDIT,
    single_active_consumer: true,
    ..QueueSpec::steps("audit-sink.events", "audit.event")
};

/// Every work queue.
pub const QUEUES: [QueueSpec; 4] = [EXPORT_STEPS, ERASURE_STEPS, RETENTION_STEPS, AUDIT_EVENTS];

/// Declares everything over a connection of its own. Declaring what exists already changes nothing.
///
/// # Errors
/// [`MessagingError::Conflict`] when a queue or exchange exists with other properties,
/// [`MessagingError::Forbidden`] when the user may not declare it, otherwise what the connection says.
pub async fn declare_topology(config: &AmqpConfig) -> Result<(), MessagingError> {
    let limit = config.operation_timeout;
    let link = Link::open(config).await?;
    declare(&link.channel().await?, limit).await?;
    link.close().await;
    Ok(())
}

/// Declares everything, each thing within `limit`. The broker closes the channel when it refuses one.
pub(crate) async fn declare(channel: &Channel, limit: Duration) -> Result<(), MessagingError> {
    exchange(channel, limit, UNROUTED, ExchangeKind::Fanout).await?;
    let spare = quorum(NO_DELIVERY_LIMIT, MAX_LENGTH);
    queue(channel, limit, UNROUTED, spare.clone()).await?;
    bind(channel, limit, UNROUTED, (UNROUTED, "")).await?;
    for name in [WORK, AUDIT] {
        exchange(channel, limit, name, ExchangeKind::Topic).await?;
    }
    exchange(channel, limit, DEAD, ExchangeKind::Direct).await?;
    for spec in &QUEUES {
        let dead_letters = spec.dead_letter_queue();
        queue(channel, limit, &dead_letters, spare.clone()).await?;
        bind(channel, limit, &dead_letters, (DEAD, &dead_letters)).await?;
        queue(channel, limit, spec.name, spec.arguments()).await?;
        bind(channel, limit, spec.name, (spec.exchange, spec.routing_key)).await?;
    }
    Ok(())
}

/// What a queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Depth {
    /// Messages waiting; those delivered and not yet acknowledged are not among them.
    pub(crate) messages: u32,
    /// Consumers. Of those on a queue with a single active one, quorum queues count only that.
    pub(crate) consumers: u32,
}

/// Looks at a queue without creating it. The broker closes the channel when there is no such queue.
pub(crate) async fn depth(channel: &Channel, name: &str, limit: Duration) -> Result<Depth, MessagingError> {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let request = channel.queue_declare(short(name), options, FieldTable::default());
    let found = within(limit, "queue.declare (passive)", request).await;
    let found = found.map_err(|error| explain(error, format!("queue `{name}`")))?;
    Ok(Depth {
        messages: found.message_count(),
        consumers: found.consumer_count(),
    })
}

async fn exchange(
    channel: &Channel,
    limit: Duration,
    name: &str,
    kind: ExchangeKind,
) -> Result<(), MessagingError> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let mut arguments = FieldTable::default();
    if name != UNROUTED {
        let unrouted = AMQPValue::LongString(UNROUTED.into());
        arguments.insert("alternate-exchange".into(), unrouted);
    }
    let request = channel.exchange_declare(short(name), kind, options, arguments);
    within(limit, "exchange.declare", request)
        .await
        .map_err(|error| explain(error, format!("exchange `{name}`")))
}

async fn queue(
    channel: &Channel,
    limit: Duration,
    name: &str,
    arguments: FieldTable,
) -> Result<(), MessagingError> {
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let request = channel.queue_declare(short(name), options, arguments);
    let declared = within(limit, "queue.declare", request).await;
    declared
        .map(drop)
        .map_err(|error| explain(error, format!("queue `{name}`")))
}

async fn bind(
    channel: &Channel,
    limit: Duration,
    queue: &str,
    (exchange, key): (&str, &str),
) -> Result<(), MessagingError> {
    let request = channel.queue_bind(
        short(queue),
        short(exchange),
        short(key),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    within(limit, "queue.bind", request)
        .await
        .map_err(|error| explain(error, format!("queue `{queue}`")))
}

/// Arguments common to all queues. Integers are 64 bits wide on the wire, as in definition files.
fn quorum(delivery_limit: u32, max_length: u32) -> FieldTable {
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

/// Says what the broker's refusal means for `object`.
fn explain(error: MessagingError, object: String) -> MessagingError {
    let MessagingError::Operation { operation, source } = error else {
        return error;
    };
    let kind = match source.kind() {
        ErrorKind::ProtocolError(error) => error.kind().clone(),
        _ => return MessagingError::Operation { operation, source },
    };
    match kind {
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => MessagingError::Conflict { object, source },
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => MessagingError::Forbidden { object, source },
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => MessagingError::Missing { object, source },
        _ => MessagingError::Operation { operation, source },
    }
}

/// Names in this file are short; the empty name stands for one that is not.
fn short(name: &str) -> ShortString {
    ShortString::try_new(name).unwrap_or_default()
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
        let keys: BTreeSet<_> = QUEUES
            .iter()
            .map(|queue| (queue.exchange, queue.routing_key))
            .collect();
        assert_eq!((names.len(), keys.len()), (4, 4));
        assert!(QUEUES.iter().all(|queue| queue.dead_letter_queue().len() < 255));
    }
}
