//! From deliveries to entries of the log.

use std::time::Duration;

use contracts::{AuditEvent, named};
use futures::future::join_all;
use messaging::{Acker, BatchHandler, Delivery, Settled};
use store::{Appended, Store, StoreError};
use telemetry::metrics::{IntCounterVec, MetricError, Metrics};
use tracing::Instrument;
use uuid::Uuid;

/// The pause before messages are handed back because the control database is away.
const AWAY: Duration = Duration::from_secs(1);

const UNKNOWN: &str = "no event of this id was decided: neither the outbox nor the log has it";
const CONFLICT: &str = "another event with this id, or for this version of this job, is in the log";
const UNSTORABLE: &str =
    "the control database refuses to store this event; its row stays in the outbox and is published again";

/// Appends batches of events.
#[derive(Debug)]
pub struct Sink {
    store: Store,
    events: IntCounterVec,
}

/// The events that a batch names, and the duties to settle its messages, in the same order.
#[derive(Default)]
struct Named {
    ids: Vec<Uuid>,
    ackers: Vec<Acker>,
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

    async fn append(&self, named: Named) {
        match self.store.append_audit(&named.ids).await {
            Ok(verdicts) => self.settle(verdicts, named.ackers).await,
            Err(error) if error.is_retryable() => {
                note(&error, named.ids.len());
                hand_back(named.ackers).await;
            }
            // One event that cannot be stored must not hold up the others for ever.
            Err(_) => self.one_by_one(named).await,
        }
    }

    /// Appends each event by itself. Where some can be stored, it is the others' own fault that they
    /// cannot, and one that is alone has nobody to tell by. Setting a message aside loses nothing: it is
    /// the row that counts, and the row stays.
    async fn one_by_one(&self, named: Named) {
        let (mut verdicts, mut stored) = (Vec::new(), Vec::new());
        let (mut refused, mut away) = (Vec::new(), Vec::new());
        let alone = named.ids.len() == 1;
        for (id, acker) in named.ids.into_iter().zip(named.ackers) {
            match self.store.append_audit(&[id]).await {
                Ok(verdict) => {
                    verdicts.extend(verdict);
                    stored.push(acker);
                }
                Err(error) => {
                    note(&error, 1);
                    if error.is_retryable() { away.push(acker) } else { refused.push(acker) }
                }
            }
        }
        if alone || !verdicts.is_empty() {
            for _ in &refused {
                self.count("unstorable");
            }
            set_aside(refused.into_iter().map(|acker| (acker, UNSTORABLE.to_owned())).collect()).await;
        } else {
            away.extend(refused);
        }
        self.settle(verdicts, stored).await;
        hand_back(away).await;
    }

    async fn settle(&self, verdicts: Vec<Appended>, ackers: Vec<Acker>) {
        let mut done = Vec::with_capacity(ackers.len());
        let mut aside = Vec::new();
        for (verdict, acker) in verdicts.into_iter().zip(ackers) {
            let (outcome, reason) = match verdict {
                Appended::As(_) => ("appended", None),
                Appended::Before => ("repeated", None),
                Appended::Unknown => ("unknown", Some(UNKNOWN.to_owned())),
                Appended::Unreadable(error) => ("undecodable", Some(error.to_string())),
                Appended::Conflict => {
                    tracing::error!(
                        "an audit event contradicts one in the log; it is set aside for people to look at"
                    );
                    ("conflict", Some(CONFLICT.to_owned()))
                }
            };
            self.count(outcome);
            match reason {
                None => done.push(acker),
                Some(reason) => aside.push((acker, reason)),
            }
        }
        set_aside(aside).await;
        for lost in messaging::ack_all(done).await.into_iter().filter_map(Result::err) {
            tracing::debug!(error = telemetry::as_error(&lost), "an event comes again and will be known");
        }
    }
}

fn note(error: &StoreError, events: usize) {
    tracing::warn!(error = telemetry::as_error(error), events, "the audit log cannot be written");
}

/// All at once: a queue full of garbage is emptied at the pace of batches, not of single confirms.
async fn set_aside(messages: Vec<(Acker, String)>) {
    join_all(messages.into_iter().map(async |(acker, reason)| acker.dead_letter(&reason).await)).await;
}

async fn hand_back(ackers: Vec<Acker>) {
    // The first pause holds the whole batch up; the others follow at once.
    let mut pause = AWAY;
    for acker in ackers {
        let Settled { .. } = acker.requeue_after(pause).await;
        pause = Duration::ZERO;
    }
}

impl BatchHandler for Sink {
    async fn handle(&self, batch: Vec<(Delivery, Acker)>) {
        let mut events = Named::default();
        let mut refused = Vec::new();
        let mut span = tracing::Span::none();
        for (delivery, acker) in batch {
            match named::<AuditEvent>(&delivery.body) {
                Ok(id) => {
                    // A batch has many causes; the span continues the trace of its last event.
                    span = delivery.span();
                    events.ids.push(id);
                    events.ackers.push(acker);
                }
                Err(error) => {
                    self.count("undecodable");
                    refused.push((acker, error.to_string()));
                }
            }
        }
        set_aside(refused).await;
        if !events.ids.is_empty() {
            self.append(events).instrument(span).await;
        }
    }
}
