//! The sole writer of the audit log.
//!
//! Messages name events, at least once and in any order; what an event says is taken from the outbox of
//! the control database, where it was written with the change that it tells of. The events leave here in
//! the log, each once, numbered without gaps. A message that names no event, or one that contradicts what
//! is in the log or cannot be stored, is set aside with its reason and spoils none of its neighbours.

mod sink;

use std::time::Duration;

use chassis::{Context, Service};
use messaging::{AUDIT_EVENTS, Consumer, ConsumerSettings};
use serde::Deserialize;

pub use sink::Sink;

/// The service.
pub struct AuditSink;

/// Its settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Most events appended in one transaction.
    pub batch_size: u16,
    /// How long a batch may take to fill, in milliseconds.
    pub linger_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { batch_size: 500, linger_ms: 10 }
    }
}

impl Service for AuditSink {
    const NAME: &'static str = "audit-sink";
    const ABOUT: &'static str = "Writes the append-only audit log: every event once, numbered without gaps";
    const RELAYS: bool = false;
    type Config = Config;

    fn check(config: &Config, context: &Context) -> anyhow::Result<()> {
        consumer(config, context).map(drop)
    }

    async fn serve(config: Config, context: Context) -> anyhow::Result<()> {
        let consumer = consumer(&config, &context)?;
        let (ready, live) = (consumer.health(), consumer.health());
        context.health.ready_when("queue", move || ready.connected());
        context.health.live_when("consumer", move || live.since_last_tick() < Duration::from_secs(60));
        consumer.run(context.stopping.clone()).await;
        Ok(())
    }
}

fn consumer(config: &Config, context: &Context) -> anyhow::Result<Consumer<Sink>> {
    let settings = ConsumerSettings::new(context.amqp.clone(), AUDIT_EVENTS)
        .with_batches(config.batch_size, Duration::from_millis(config.linger_ms));
    let sink = Sink::new(context.store.clone(), &context.metrics)?;
    Ok(Consumer::batched(settings, sink, &context.metrics)?)
}
