//! Publishing with confirms, on one channel.
//!
//! A message counts as published only when the broker has confirmed it *and* has not returned it:
//! a message that no queue takes is confirmed too. The client library hands a returned message to
//! whichever confirm happens to be resolved next, so within a batch it is matched here by its id.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, ConnectionStatus, PublisherConfirm};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::connection::Link;
use crate::deadline::within;
use crate::{AmqpConfig, MessagingError, PublishError};

/// Content type of every message.
pub const CONTENT_TYPE: &str = "application/msgpack";
/// Header with the version of the message's kind.
pub const VERSION_HEADER: &str = "x-lethe-version";
/// Delivery mode that survives a restart of the broker (AMQP 0-9-1, `basic` class, `delivery-mode`).
const PERSISTENT: u8 = 2;

/// A message to be published.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The same on every attempt, so that the receiver can tell a repetition. Unique within a batch.
    pub message_id: Uuid,
    /// Where to publish.
    pub exchange: String,
    /// Under which routing key.
    pub routing_key: String,
    /// Name of the kind of message; the AMQP property `type`.
    pub kind: String,
    /// The encoded message. Never logged.
    pub body: Vec<u8>,
    /// Trace context and version.
    pub headers: BTreeMap<String, String>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("message_id", &self.message_id)
            .field("exchange", &self.exchange)
            .field("routing_key", &self.routing_key)
            .field("kind", &self.kind)
            .field("body_size_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A connection of its own for publishing: a broker short of memory blocks connections that publish,
/// and acknowledgements must not wait behind them.
#[derive(Debug)]
pub struct Publisher {
    channel: Channel,
    link: Link,
    confirm_timeout: Duration,
    broken: bool,
}

impl Publisher {
    /// Connects and asks for confirms.
    ///
    /// # Errors
    /// [`MessagingError`] when the broker cannot be reached, refuses or does not answer in time.
    pub async fn connect(config: &AmqpConfig) -> Result<Self, MessagingError> {
        let link = Link::open(config).await?;
        let channel = link.channel().await?;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        within(config.operation_timeout, "confirm.select", confirms).await?;
        Ok(Self { channel, link, confirm_timeout: config.confirm_timeout, broken: false })
    }

    /// Whether another batch may be published. Once false it stays false: drop it and connect anew.
    #[must_use]
    pub fn usable(&self) -> bool {
        !self.broken && self.channel.status().connected() && self.link.connected()
    }

    /// What this side knows of the connection, now and later.
    pub(crate) fn status(&self) -> ConnectionStatus {
        self.link.status()
    }

    /// Publishes all messages, then awaits all confirms, within one deadline.
    ///
    /// The answer has one entry a message, in the same order. An error of the kinds
    /// [`PublishError::Unconfirmed`] and [`PublishError::Lost`] leaves open whether the broker has it.
    /// Message ids must differ within the batch.
    pub async fn publish_batch(&mut self, batch: &[Outgoing]) -> Vec<Result<(), PublishError>> {
        if !self.usable() {
            return batch.iter().map(|_| Err(PublishError::NotConnected)).collect();
        }
        let deadline = Instant::now() + self.confirm_timeout;
        let mut pending = Vec::with_capacity(batch.len());
        for message in batch {
            pending.push(self.send(message, deadline).await);
        }
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut returned = HashSet::new();
        for sent in pending {
            let outcome = match sent {
                Ok(confirm) => self.confirmed(confirm, deadline, &mut returned).await,
                Err(error) => Err(error),
            };
            outcomes.push(outcome);
        }
        withdraw_returned(batch, &mut outcomes, &returned);
        outcomes
    }

    /// Closes channel and connection in good order; gives up after the operation timeout.
    pub async fn close(self) {
        self.link.close().await;
    }

    async fn send(
        &mut self,
        message: &Outgoing,
        deadline: Instant,
    ) -> Result<PublisherConfirm, PublishError> {
        if self.broken {
            return Err(PublishError::NotConnected);
        }
        let exchange = short("exchange", &message.exchange)?;
        let routing_key = short("routing_key", &message.routing_key)?;
        let properties = properties(message)?;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let publish = self.channel.basic_publish(exchange, routing_key, options, &message.body, properties);
        match timeout_at(deadline, publish).await {
            Ok(Ok(confirm)) => Ok(confirm),
            Ok(Err(error)) => Err(self.breaks(PublishError::Lost(error))),
            Err(_elapsed) => Err(self.late()),
        }
    }

    async fn confirmed(
        &mut self,
        confirm: PublisherConfirm,
        deadline: Instant,
        returned: &mut HashSet<String>,
    ) -> Result<(), PublishError> {
        let confirmation = match timeout_at(deadline, confirm).await {
            Ok(Ok(confirmation)) => confirmation,
            Ok(Err(error)) => return Err(self.breaks(PublishError::Lost(error))),
            Err(_elapsed) => return Err(self.late()),
        };
        let outcome = match &confirmation {
            Confirmation::Ack(_) => Ok(()),
            Confirmation::Nack(_) => Err(PublishError::Refused),
            Confirmation::NotRequested => Err(PublishError::NoConfirms),
        };
        if let Some(message) = confirmation.take_message() {
            let id = message.properties.message_id().as_ref();
            returned.insert(id.map(ToString::to_string).unwrap_or_default());
        }
        outcome
    }

    /// A confirm that comes after its deadline would be taken for one of the next batch.
    fn late(&mut self) -> PublishError {
        let after = self.confirm_timeout;
        self.breaks(PublishError::Unconfirmed { after })
    }

    fn breaks(&mut self, error: PublishError) -> PublishError {
        self.broken = true;
        error
    }
}

/// Turns what was confirmed and returned into errors.
fn withdraw_returned(
    batch: &[Outgoing],
    outcomes: &mut [Result<(), PublishError>],
    returned: &HashSet<String>,
) {
    if returned.is_empty() {
        return;
    }
    for (message, outcome) in batch.iter().zip(outcomes) {
        if outcome.is_ok() && returned.contains(&message.message_id.to_string()) {
            *outcome = Err(PublishError::Unroutable {
                exchange: message.exchange.clone(),
                routing_key: message.routing_key.clone(),
            });
        }
    }
}

fn properties(message: &Outgoing) -> Result<BasicProperties, PublishError> {
    let mut headers = FieldTable::default();
    for (name, value) in &message.headers {
        let value = AMQPValue::LongString(value.as_str().into());
        headers.insert(short("header name", name)?, value);
    }
    Ok(BasicProperties::default()
        .with_content_type(CONTENT_TYPE.into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(short("message_id", &message.message_id.to_string())?)
        .with_type(short("kind", &message.kind)?)
        .with_headers(headers))
}

fn short(field: &'static str, text: &str) -> Result<ShortString, PublishError> {
    ShortString::try_new(text).map_err(|_error| PublishError::TooLong { field })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(routing_key: &str) -> Outgoing {
        Outgoing {
            message_id: Uuid::new_v4(),
            exchange: "lethe.work".to_owned(),
            routing_key: routing_key.to_owned(),
            kind: "step.due".to_owned(),
            body: b"canary".to_vec(),
            headers: BTreeMap::new(),
        }
    }

    #[test]
    fn a_returned_message_is_found_by_its_id() {
        let batch = [message("a"), message("b"), message("c")];
        let mut outcomes = vec![Ok(()), Ok(()), Err(PublishError::Refused)];
        let returned = HashSet::from([batch[1].message_id.to_string(), batch[2].message_id.to_string()]);
        withdraw_returned(&batch, &mut outcomes, &returned);
        assert!(outcomes[0].is_ok());
        assert!(
            matches!(&outcomes[1], Err(PublishError::Unroutable { routing_key, .. }) if routing_key == "b")
        );
        assert!(matches!(outcomes[2], Err(PublishError::Refused)));
    }

    #[test]
    fn a_name_that_amqp_cannot_carry_is_an_error() {
        let long = "k".repeat(256);
        let mut message = message("a");
        message.kind = long;
        let error = properties(&message).unwrap_err();
        assert_eq!(error.to_string(), "kind is longer than 255 bytes");
        assert!(!error.is_retryable());
    }

    #[test]
    fn a_body_is_not_shown() {
        assert!(!format!("{:?}", message("a")).contains("canary"));
    }
}
