//! A publisher that comes back after the broker does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::ConnectionStatus;
use telemetry::metrics::Metrics;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::metrics::PublisherMetrics;
use crate::{AmqpConfig, MessagingError, Outgoing, PublishError, Publisher};

/// Whether a publisher can publish, for readiness.
#[derive(Debug, Default)]
pub struct PublisherHealth {
    connected: AtomicBool,
    alarm: Mutex<Alarm>,
}

impl PublisherHealth {
    /// Whether there was a working connection when it was last used.
    #[must_use]
    pub fn connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Whether the broker takes no messages although it is there: it is short of memory or disk, and blocks
    /// whoever publishes (`connection.blocked`). True from when it says so until it takes a message or cannot
    /// be connected to, even while connections are closed and opened again.
    #[must_use]
    pub fn blocked(&self) -> bool {
        self.alarm().rings()
    }

    fn alarm(&self) -> MutexGuard<'_, Alarm> {
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self, status: ConnectionStatus) {
        self.alarm().status = Some(status);
        self.connected.store(true, Ordering::Relaxed);
    }

    /// The connection is over.
    fn disconnect(&self) {
        let mut alarm = self.alarm();
        *alarm = Alarm { rang: alarm.rings(), status: None };
        self.connected.store(false, Ordering::Relaxed);
    }

    /// The broker takes messages, or there is none.
    fn silence(&self) {
        self.alarm().rang = false;
    }
}

/// Whether the broker blocks publishers.
#[derive(Debug, Default)]
struct Alarm {
    /// Whether it did so on an earlier connection, and has taken nothing since.
    rang: bool,
    /// The connection of now.
    status: Option<ConnectionStatus>,
}

impl Alarm {
    fn rings(&self) -> bool {
        self.rang || self.status.as_ref().is_some_and(ConnectionStatus::blocked)
    }
}

/// Keeps one [`Publisher`], drops it after a failure and connects anew, waiting a quarter of a second
/// to half a minute in between.
///
/// Call [`ready`](Self::ready) before taking a batch from the outbox, so that no database
/// transaction is open while the broker is away.
#[derive(Debug)]
pub struct ReconnectingPublisher {
    config: AmqpConfig,
    publisher: Option<Publisher>,
    backoff: Backoff,
    not_before: Option<Instant>,
    health: Arc<PublisherHealth>,
    metrics: PublisherMetrics,
}

impl ReconnectingPublisher {
    /// A publisher that has not connected yet.
    ///
    /// # Errors
    /// [`MessagingError::Url`] when the address is not valid, [`MessagingError::Metric`] when a metric's
    /// name is taken.
    pub fn new(config: AmqpConfig, metrics: &Metrics) -> Result<Self, MessagingError> {
        config.check()?;
        Ok(Self {
            config: config.named("publisher"),
            publisher: None,
            backoff: Backoff::default(),
            not_before: None,
            health: Arc::default(),
            metrics: PublisherMetrics::new(metrics)?,
        })
    }

    /// The health of this publisher, to be asked from elsewhere.
    #[must_use]
    pub fn health(&self) -> Arc<PublisherHealth> {
        Arc::clone(&self.health)
    }

    /// Waits until there is a connection; false when `cancel` came first.
    pub async fn ready(&mut self, cancel: &CancellationToken) -> bool {
        loop {
            if self.publisher.as_ref().is_some_and(Publisher::usable) {
                return true;
            }
            if self.publisher.is_some() {
                tracing::warn!("the publisher's connection ended");
                self.fail();
            }
            if cancel.run_until_cancelled(self.attempt()).await.is_none() {
                return false;
            }
        }
    }

    /// Publishes as [`Publisher::publish_batch`]; every entry is [`PublishError::NotConnected`]
    /// when there is no connection. Does not connect: [`ready`](Self::ready) does.
    pub async fn publish_batch(&mut self, batch: &[Outgoing]) -> Vec<Result<(), PublishError>> {
        let Some(publisher) = self.publisher.as_mut() else {
            return batch.iter().map(|_| Err(PublishError::NotConnected)).collect();
        };
        let started = Instant::now();
        let outcomes = publisher.publish_batch(batch).await;
        let usable = publisher.usable();
        self.metrics.published(&outcomes, started.elapsed());
        if !usable {
            let error = outcomes.iter().find_map(|outcome| outcome.as_ref().err());
            let error = error.map(|error| -> &(dyn std::error::Error + 'static) { error });
            tracing::warn!(error, "publishing failed; the connection is built anew");
            self.fail();
        } else if outcomes.iter().any(Result::is_ok) {
            self.backoff.reset();
            self.health.silence();
        }
        outcomes
    }

    /// Closes the connection in good order.
    pub async fn close(self) {
        self.health.disconnect();
        if let Some(publisher) = self.publisher {
            publisher.close().await;
        }
    }

    async fn attempt(&mut self) {
        if let Some(not_before) = self.not_before {
            tokio::time::sleep_until(not_before).await;
        }
        match Publisher::connect(&self.config).await {
            Ok(publisher) => {
                self.health.connect(publisher.status());
                self.publisher = Some(publisher);
                tracing::info!("the publisher is connected");
            }
            Err(error) => {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, "the publisher could not connect");
                self.health.silence();
                self.fail();
            }
        }
    }

    fn fail(&mut self) {
        self.publisher = None;
        self.health.disconnect();
        let wait: Duration = self.backoff.next();
        self.not_before = Some(Instant::now() + wait);
    }
}
