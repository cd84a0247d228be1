//! Makes the broker hold what the topology describes, and looks at what it holds.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ErrorKind, ExchangeKind};

use crate::connection::Link;
use crate::deadline::within;
use crate::topology::{AUDIT, DEAD, MAX_LENGTH, NO_DELIVERY_LIMIT, QUEUES, UNROUTED, WORK, quorum};
use crate::{AmqpConfig, MessagingError};

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
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let request = channel.queue_declare(short(name), options, FieldTable::default());
    let found = within(limit, "queue.declare (passive)", request).await;
    let found = found.map_err(|error| explain(error, format!("queue `{name}`")))?;
    Ok(Depth { messages: found.message_count(), consumers: found.consumer_count() })
}

async fn exchange(
    channel: &Channel,
    limit: Duration,
    name: &str,
    kind: ExchangeKind,
) -> Result<(), MessagingError> {
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
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
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let request = channel.queue_declare(short(name), options, arguments);
    let declared = within(limit, "queue.declare", request).await;
    declared.map(drop).map_err(|error| explain(error, format!("queue `{name}`")))
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
    within(limit, "queue.bind", request).await.map_err(|error| explain(error, format!("queue `{queue}`")))
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
