//! What can go wrong with the broker. No variant carries a message body.

use std::time::Duration;

/// Errors of connecting and of declaring the topology.
#[derive(Debug, thiserror::Error)]
pub enum MessagingError {
    /// The address cannot be parsed. The text is left out, since it holds a password.
    #[error("amqp url is not valid: expected amqp://user:password@host:port/vhost or amqps://")]
    Url,
    /// The broker could not be reached or refused the connection.
    #[error("could not connect to the broker")]
    Connect(#[source] lapin::Error),
    /// The broker did not answer in time.
    #[error("the broker did not answer `{operation}` within {} ms", .after.as_millis())]
    Timeout {
        /// What was asked.
        operation: &'static str,
        /// How long the answer was awaited.
        after: Duration,
    },
    /// The broker refused a request, or the connection ended in the middle of it.
    #[error("the broker did not carry out `{operation}`")]
    Operation {
        /// What was asked.
        operation: &'static str,
        /// What the client library said.
        #[source]
        source: lapin::Error,
    },
    /// A queue or exchange exists with other properties.
    #[error(
        "{object} exists with other arguments: drain and delete it, then start again, or give the new one another name"
    )]
    Conflict {
        /// Kind and name, as ``queue `export-worker.steps` ``.
        object: String,
        /// What the broker said.
        #[source]
        source: lapin::Error,
    },
    /// The broker's user may not do this.
    #[error("the broker's user may not declare or use {object}: check its configure, write and read rights")]
    Forbidden {
        /// Kind and name.
        object: String,
        /// What the broker said.
        #[source]
        source: lapin::Error,
    },
    /// A queue or exchange does not exist and this service is not to create it.
    #[error("{object} does not exist: declare the topology first")]
    Missing {
        /// Kind and name.
        object: String,
        /// What the broker said.
        #[source]
        source: lapin::Error,
    },
    /// A counter could not be registered.
    #[error("the messaging metrics could not be registered")]
    Metric(#[from] telemetry::metrics::MetricError),
}

impl MessagingError {
    /// Whether trying again may succeed without anyone changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Timeout { .. } | Self::Operation { .. } => true,
            Self::Url
            | Self::Conflict { .. }
            | Self::Forbidden { .. }
            | Self::Missing { .. }
            | Self::Metric(_) => false,
        }
    }
}

/// Why a message does not count as published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// No queue takes messages with this routing key.
    #[error("no queue is bound to exchange `{exchange}` for routing key `{routing_key}`")]
    Unroutable {
        /// Where it was published.
        exchange: String,
        /// Under which key.
        routing_key: String,
    },
    /// The broker would not take it: the queue is full or has no leader.
    #[error("the broker refused the message: its queue is full or not available")]
    Refused,
    /// No confirm within the deadline: it may or may not be in the queue.
    #[error("the broker did not confirm the message within {} ms", .after.as_millis())]
    Unconfirmed {
        /// The deadline.
        after: Duration,
    },
    /// The channel or connection ended first: it may or may not be in the queue.
    #[error("the connection ended before the message was confirmed")]
    Lost(#[source] lapin::Error),
    /// There is no connection at the moment.
    #[error("not connected to the broker")]
    NotConnected,
    /// A name is longer than AMQP can carry.
    #[error("{field} is longer than 255 bytes")]
    TooLong {
        /// Which name.
        field: &'static str,
    },
    /// The channel does not confirm. It never happens on a channel this crate opened.
    #[error("the channel is not in confirm mode")]
    NoConfirms,
}

impl PublishError {
    /// Whether publishing the same message again, later, may succeed without anyone changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused | Self::Unconfirmed { .. } | Self::Lost(_) | Self::NotConnected => true,
            Self::Unroutable { .. } | Self::TooLong { .. } | Self::NoConfirms => false,
        }
    }
}

/// The channel a delivery came through is gone: the broker will deliver it again, here or elsewhere.
///
/// Whatever the handler has committed stands; it must not claim to have consumed the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the delivery was lost before it was acknowledged; it will come again")]
pub struct DeliveryLost;
