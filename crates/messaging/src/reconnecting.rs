//! A publisher that comes back after the broker does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
}

impl PublisherHealth {
    /// Whether there was a working connection when it was last used.
    #[must_use]
    pub fn connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    fn set(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
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
        }
        outcomes
    }

    /// Closes the connection in good order.
    pub async fn close(self) {
        self.health.set(false);
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
                self.publisher = Some(publisher);
                self.health.set(true);
                tracing::info!("the publisher is connected");
            }
            Err(error) => {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, "the publisher could not connect");
                self.fail();
            }
        }
    }

    fn fail(&mut self) {
        self.publisher = None;
        self.health.set(false);
        let wait: Duration = self.backoff.next();
        self.not_before = Some(Instant::now() + wait);
    }
}
