//! The outbox relay: publishes what has been committed.
//!
//! Whoever commits wakes the relay of the same process in memory; polling is the fallback, for rows
//! that another process left behind. Any number of relays may run: each locks the rows it takes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contracts::{AuditEvent, Message};
use messaging::{Outgoing, ReconnectingPublisher, declare_topology, topology};
use rand::Rng;
use store::{OutboxRow, Publish};
use telemetry::metrics::IntGauge;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// Most rows published under one lock.
const BATCH: u16 = 200;
/// The fallback's pace; with some jitter, so that replicas do not march in step.
const POLL: Duration = Duration::from_millis(150);
/// How often the backlog is measured, at most.
const MEASURE: Duration = Duration::from_secs(1);
/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// What readiness says while the broker blocks publishers.
const BLOCKED: &str = "messages wait: the broker blocks publishers, as it does when it is short of memory or disk; \
                       what is accepted is kept and goes out when the alarm is over";

/// Wakes the relay of this process.
#[derive(Debug, Clone, Default)]
pub struct RelayWaker(Arc<Notify>);

impl RelayWaker {
    /// To be called after a commit that wrote messages.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

struct Relay(ReconnectingPublisher);

impl Publish for Relay {
    async fn publish(&mut self, rows: &[OutboxRow]) -> Vec<bool> {
        let outgoing: Vec<Outgoing> = rows.iter().map(outgoing).collect();
        self.0.publish_batch(&outgoing).await.iter().map(Result::is_ok).collect()
    }
}

fn outgoing(row: &OutboxRow) -> Outgoing {
    let exchange = if row.kind == AuditEvent::KIND { topology::AUDIT } else { topology::WORK };
    Outgoing {
        message_id: row.event_id,
        exchange: exchange.to_owned(),
        routing_key: row.routing_key.clone(),
        kind: row.kind.clone(),
        body: row.body.clone(),
        headers: serde_json::from_value::<BTreeMap<String, String>>(row.headers.clone()).unwrap_or_default(),
    }
}

/// Publishes until `end`, and then whatever is left once more.
pub(crate) async fn run(context: Context, end: CancellationToken) -> anyhow::Result<()> {
    let publisher = ReconnectingPublisher::new(context.amqp.clone(), &context.metrics)?;
    let waiting =
        context.metrics.gauge("privacy_outbox_unpublished", "messages committed and not yet published")?;
    tell(&context, &publisher, &waiting);
    let oldest =
        context.metrics.gauge("privacy_outbox_oldest_seconds", "age of the oldest unpublished message")?;
    let mut relay = Relay(publisher);
    let mut declared = false;
    let mut measured_at: Option<Instant> = None;
    loop {
        let ending = end.is_cancelled();
        if !ending && !relay.0.ready(&end).await {
            continue;
        }
        if !declared {
            declared = declare(&context).await;
        }
        if !drain(&context, &mut relay).await {
            declared = false;
            if !ending {
                pause(&end, PAUSE).await;
            }
        }
        if measured_at.is_none_or(|at| at.elapsed() >= MEASURE)
            && let Ok((rows, seconds)) = context.store.outbox_backlog().await
        {
            measured_at = Some(Instant::now());
            waiting.set(rows);
            oldest.set(whole_seconds(seconds));
        }
        if ending {
            relay.0.close().await;
            return Ok(());
        }
        let jitter = rand::rng().random_range(0..50);
        tokio::select! {
            () = context.relay.0.notified() => {}
            () = pause(&end, POLL.saturating_add(Duration::from_millis(jitter))) => {}
        }
    }
}

/// A broker that blocks publishers is there: what is accepted meanwhile goes out later, so that work can be
/// taken. That messages wait is said.
fn tell(context: &Context, publisher: &ReconnectingPublisher, waiting: &IntGauge) {
    let (broker, alarm, waiting) = (publisher.health(), publisher.health(), waiting.clone());
    context.health.ready_when("broker", move || broker.connected() || broker.blocked());
    context.health.say_when(BLOCKED, move || alarm.blocked() && waiting.get() > 0);
}

async fn declare(context: &Context) -> bool {
    match declare_topology(&context.amqp).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(error = telemetry::as_error(&error), "the topology cannot be declared");
            false
        }
    }
}

/// Publishes until nothing is left; `false` when something stayed behind that should not have.
async fn drain(context: &Context, relay: &mut Relay) -> bool {
    loop {
        match context.store.relay(relay, i64::from(BATCH)).await {
            Ok((found, confirmed)) if confirmed < found => {
                tracing::warn!(found, confirmed, "the broker did not confirm every message");
                return false;
            }
            Ok((found, _)) if found >= usize::from(BATCH) => {}
            // What was committed since has woken this relay again.
            Ok(_) => return true,
            Err(error) => {
                tracing::warn!(error = telemetry::as_error(&error), "the outbox cannot be read");
                return false;
            }
        }
    }
}

async fn pause(end: &CancellationToken, time: Duration) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = end.cancelled() => {}
    }
}

fn whole_seconds(seconds: f64) -> i64 {
    Duration::try_from_secs_f64(seconds).map_or(0, |age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
