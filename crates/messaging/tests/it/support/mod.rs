//! A vhost per test, handlers that record, a proxy that misbehaves.

mod broker;
mod handlers;
mod logs;
mod proxy;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use messaging::{AmqpConfig, BatchHandler, Consumer, ConsumerHealth, ConsumerSettings, Drained, Outgoing};
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use broker::Broker;
pub use handlers::{Behaviour, Recorder};
pub use logs::logs;
pub use proxy::Proxy;

/// Longest wait for anything that must happen: only a failure takes so long, a busy machine may.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Waits until `condition` holds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A step message with a body that can be recognised.
pub fn step(body: impl Into<Vec<u8>>) -> Outgoing {
    Outgoing {
        message_id: Uuid::new_v4(),
        exchange: "lethe.work".to_owned(),
        routing_key: "step.export".to_owned(),
        kind: "step.due".to_owned(),
        body: body.into(),
        headers: BTreeMap::from([("x-lethe-version".to_owned(), "1".to_owned())]),
    }
}

/// `count` messages with the bodies `0`, `1`, ….
pub fn steps(count: usize) -> Vec<Outgoing> {
    (0..count).map(|number| step(number.to_string())).collect()
}

/// Settings that look at the queue often, for tests that wait for it.
pub fn settings(amqp: AmqpConfig) -> ConsumerSettings {
    let mut settings = ConsumerSettings::new(amqp, messaging::EXPORT_STEPS);
    settings.drain_deadline = Duration::from_secs(10);
    settings
}

/// A consumer at work.
pub struct Running {
    pub health: Arc<ConsumerHealth>,
    cancel: CancellationToken,
    task: JoinHandle<Drained>,
}

impl Running {
    /// Starts a consumer and waits until the broker knows it.
    pub async fn start<H: BatchHandler>(consumer: Consumer<H>) -> Self {
        let running = Self::start_unconnected(consumer);
        let health = Arc::clone(&running.health);
        eventually("the consumer is registered", || async { health.connected() }).await;
        running
    }

    pub fn start_unconnected<H: BatchHandler>(consumer: Consumer<H>) -> Self {
        logs();
        let cancel = CancellationToken::new();
        let health = consumer.health();
        let task = tokio::spawn(consumer.run(cancel.clone()));
        Self { health, cancel, task }
    }

    /// Tells the consumer to stop without waiting for it.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Stops the consumer and waits until it has.
    pub async fn stop(self) -> Drained {
        self.cancel.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("the consumer stops").unwrap()
    }
}
