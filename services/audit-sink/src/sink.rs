//! From deliveries to entries of the log.

use std::time::Duration;

use contracts::{AuditEvent, decode};
use futures::future::join_all;
use messaging::{Acker, BatchHandler, Delivery, Settled};
use store::{Appended, IncomingEvent, Store};
use telemetry::metrics::{IntCounterVec, MetricError, Metrics};
use tracing::Instrument;

/// The pause before messages are handed back because the control database is away.
const AWAY: Duration = Duration::from_secs(1);

/// Appends batches of events.
#[derive(Debug)]
pub struct Sink {
    store: Store,
    events: IntCounterVec,
}

impl Sink {
    /// A sink that writes to that control database.
    ///
    /// # Errors
    /// When a metric's name is taken.
    pub fn new(store: Store, metrics: &Metrics) -> Result<Self, MetricError> {
        let events =
            metrics.counter_vec("privacy_audit_events_total", "audit events received", &["outcome"])?;
        Ok(Self { store, events })
    }

    fn count(&self, outcome: &str) {
        self.events.with_label_values(&[outcome]).inc();
    }

    async fn append(&self, events: Vec<IncomingEvent>, ackers: Vec<Acker>) {
        let verdicts = match self.store.append_audit(&events).await {
            Ok(verdicts) => verdicts,
            // One event that cannot be stored must not hold up the others for ever.
            Err(error) if !error.is_retryable() && events.len() > 1 => {
                for (event, acker) in events.into_iter().zip(ackers) {
                    Box::pin(self.append(vec![event], vec![acker])).await;
                }
                return;
            }
            Err(error) => {
                tracing::warn!(
                    error = telemetry::as_error(&error),
                    events = events.len(),
                    "the audit log cannot be written"
                );
                self.hand_back(ackers).await;
                return;
            }
        };
        let mut done = Vec::with_capacity(ackers.len());
        for (verdict, acker) in verdicts.into_iter().zip(ackers) {
            match verdict {
                Appended::As(_) => self.count("appended"),
                Appended::Before => self.count("repeated"),
                Appended::Conflict => {
                    self.count("conflict");
                    tracing::error!(
                        "an audit event contradicts one in the log; it is set aside for people to look at"
                    );
                    let Settled { .. } = acker
                        .dead_letter(
                            "another event with this id, or for this version of this job, is in the log",
                        )
                        .await;
                    continue;
                }
            }
            done.push(acker);
        }
        for lost in messaging::ack_all(done).await.into_iter().filter_map(Result::err) {
            tracing::debug!(error = telemetry::as_error(&lost), "an event comes again and will be known");
        }
    }

    async fn hand_back(&self, ackers: Vec<Acker>) {
        // The first pause holds the whole batch up; the others follow at once.
        let mut pause = AWAY;
        for acker in ackers {
            let Settled { .. } = acker.requeue_after(pause).await;
            pause = Duration::ZERO;
        }
    }
}

impl BatchHandler for Sink {
    async fn handle(&self, batch: Vec<(Delivery, Acker)>) {
        let mut events = Vec::with_capacity(batch.len());
        let mut ackers = Vec::with_capacity(batch.len());
        let mut refused = Vec::new();
        let mut span = tracing::Span::none();
        for (delivery, acker) in batch {
            match decode::<AuditEvent>(&delivery.body) {
                Ok(envelope) => {
                    // A batch has many causes; the span continues the trace of its last event.
                    span = delivery.span();
                    events.push(IncomingEvent { envelope, body: delivery.body.to_vec() });
                    ackers.push(acker);
                }
                Err(error) => {
                    self.count("undecodable");
                    refused.push((acker, error.to_string()));
                }
            }
        }
        // All at once: a queue full of garbage is emptied at the pace of batches, not of single confirms.
        join_all(refused.into_iter().map(async |(acker, reason)| acker.dead_letter(&reason).await)).await;
        if !events.is_empty() {
            self.append(events, ackers).instrument(span).await;
        }
    }
}
