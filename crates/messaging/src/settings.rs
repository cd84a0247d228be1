//! What one consumer is to do.

use std::time::Duration;

use crate::{AmqpConfig, QueueSpec};

/// Settings of one consumer.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    /// The broker.
    pub amqp: AmqpConfig,
    /// The queue.
    pub queue: QueueSpec,
    /// Most handlers at a time; at least 1. Also the number of messages, or batches, held unstarted:
    /// prefetching more would punish them for a neighbour that kills the process.
    pub concurrency: u16,
    /// Most messages in a batch; at least 1. One for a [`crate::Handler`].
    pub batch_size: u16,
    /// Longest wait for a batch to fill after its first message.
    pub linger: Duration,
    /// Whether to declare the topology on every connection, or only to look for the queue.
    pub declare: bool,
    /// How long running handlers may go on after the consumer was told to stop.
    pub drain_deadline: Duration,
    /// Time between two looks of the watchdog at the queue.
    pub watch_interval: Duration,
    /// How long messages may wait, with room for them and nothing delivered, before the connection is
    /// built anew.
    pub stale_after: Duration,
}

impl ConsumerSettings {
    /// One message at a time; 30 s to drain; a look every 30 s and 120 s of patience; declares.
    #[must_use]
    pub fn new(amqp: AmqpConfig, queue: QueueSpec) -> Self {
        Self {
            amqp,
            queue,
            concurrency: 1,
            batch_size: 1,
            linger: Duration::ZERO,
            declare: true,
            drain_deadline: Duration::from_secs(30),
            watch_interval: Duration::from_secs(30),
            stale_after: Duration::from_secs(120),
        }
    }

    /// The same with room for so many handlers at a time.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: u16) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// The same with batches of up to `size` messages that fill for up to `linger`.
    #[must_use]
    pub fn with_batches(mut self, size: u16, linger: Duration) -> Self {
        self.batch_size = size;
        self.linger = linger;
        self
    }

    /// Messages the broker may have outstanding with this consumer.
    pub(crate) fn prefetch(&self) -> u16 {
        self.concurrency.max(1).saturating_mul(self.batch_size.max(1))
    }
}
