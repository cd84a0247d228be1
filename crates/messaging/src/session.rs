//! One connection with one consumer on it, from opening to its end.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use lapin::Channel;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::FieldTable;
use tokio::time::{Instant, sleep, timeout_at};

use crate::connection::Link;
use crate::deadline::within;
use crate::declare::{self, Depth};
use crate::{ConsumerSettings, MessagingError};

/// Why a session is over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// The channel or connection failed.
    #[error("the connection failed")]
    Failed(#[source] lapin::Error),
    /// The broker cancelled the consumer: its queue was deleted or lost its leader.
    #[error("the broker cancelled the consumer")]
    Cancelled,
    /// The queue could not be looked at.
    #[error("the queue could not be looked at")]
    Unreachable(#[source] MessagingError),
    /// Messages wait, there is room for them, and none is delivered.
    #[error("messages wait in the queue and none is delivered")]
    Stale,
}

impl Ended {
    /// Label for counting.
    pub(crate) fn cause(&self) -> &'static str {
        match self {
            Self::Failed(_) => "connection_failed",
            Self::Cancelled => "consumer_cancelled",
            Self::Unreachable(_) => "queue_unreachable",
            Self::Stale => "stale",
        }
    }
}

/// A registered consumer and all it stands on. Dropped as a whole: nothing of it is ever reused.
pub(crate) struct Session {
    link: Link,
    channel: Channel,
    /// Looks at the queue happen here, since the broker closes a channel that asks for a missing one.
    lookout: Channel,
    consumer: lapin::Consumer,
    /// Deliveries of a batch that is not complete.
    gathered: Vec<lapin::message::Delivery>,
    queue: &'static str,
    limit: Duration,
}

impl Session {
    /// Connects and registers the consumer; every request has its deadline.
    pub(crate) async fn open(settings: &ConsumerSettings) -> Result<Self, MessagingError> {
        let limit = settings.amqp.operation_timeout;
        let queue = settings.queue.name;
        let link = Link::open(&settings.amqp).await?;
        let channel = link.channel().await?;
        let lookout = link.channel().await?;
        if settings.declare {
            declare::declare(&lookout, limit).await?;
        } else {
            declare::depth(&lookout, queue, limit).await?;
        }
        let qos = channel.basic_qos(settings.prefetch(), BasicQosOptions::default());
        within(limit, "basic.qos", qos).await?;
        let consume = channel.basic_consume(
            queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let consumer = within(limit, "basic.consume", consume).await?;
        Ok(Self { link, channel, lookout, consumer, gathered: Vec::new(), queue, limit })
    }

    /// The channel for looking at the queue while [`next_batch`](Self::next_batch) borrows the rest.
    pub(crate) fn lookout(&self) -> Lookout {
        Lookout { channel: self.lookout.clone(), queue: self.queue, limit: self.limit }
    }

    /// Waits for a delivery, then for up to `linger` until there are `most`.
    ///
    /// Dropped while it waits, it leaves what it has to the next call or to
    /// [`stop_deliveries`](Self::stop_deliveries).
    pub(crate) async fn next_batch(
        &mut self,
        most: u16,
        linger: Duration,
    ) -> Result<Vec<lapin::message::Delivery>, Ended> {
        if self.gathered.is_empty() {
            let first = taken(self.consumer.next().await)?;
            self.gathered.push(first);
        }
        let deadline = Instant::now() + linger;
        while self.gathered.len() < usize::from(most) {
            let next = match self.consumer.next().now_or_never() {
                Some(ready) => ready,
                None => match timeout_at(deadline, self.consumer.next()).await {
                    Ok(next) => next,
                    Err(_elapsed) => break,
                },
            };
            self.gathered.push(taken(next)?);
        }
        Ok(std::mem::take(&mut self.gathered))
    }

    /// Stops deliveries and hands back those that have not been started, so that others can have
    /// them while running handlers finish. Returns how many.
    pub(crate) async fn stop_deliveries(&mut self) -> usize {
        let cancel = self.channel.basic_cancel(self.consumer.tag(), BasicCancelOptions::default());
        if within(self.limit, "basic.cancel", cancel).await.is_err() {
            return 0;
        }
        while let Some(Some(Ok(delivery))) = self.consumer.next().now_or_never() {
            self.gathered.push(delivery);
        }
        let options = BasicNackOptions { multiple: false, requeue: true };
        let unstarted = std::mem::take(&mut self.gathered);
        for delivery in &unstarted {
            // What cannot be handed back comes back when the channel closes.
            drop(within(self.limit, "basic.nack", delivery.nack(options)).await);
        }
        unstarted.len()
    }

    /// Closes the connection in good order. Deliveries not settled go back to the queue.
    pub(crate) async fn close(self) {
        self.link.close().await;
    }
}

fn taken(next: Option<lapin::Result<lapin::message::Delivery>>) -> Result<lapin::message::Delivery, Ended> {
    next.ok_or(Ended::Cancelled)?.map_err(Ended::Failed)
}

/// Looks at a queue through a channel of its own.
pub(crate) struct Lookout {
    channel: Channel,
    queue: &'static str,
    limit: Duration,
}

impl Lookout {
    /// What the queue holds, after `interval`.
    pub(crate) async fn look_after(&self, interval: Duration) -> Result<Depth, Ended> {
        sleep(interval).await;
        declare::depth(&self.channel, self.queue, self.limit).await.map_err(Ended::Unreachable)
    }
}
