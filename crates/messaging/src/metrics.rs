//! What this crate counts. Labels name queues, outcomes and causes, all from fixed sets.

use std::time::Duration;

use telemetry::metrics::{Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, MetricError, Metrics};

use crate::PublishError;

/// Upper bounds in seconds: publishing takes milliseconds, a step up to a few seconds.
const SECONDS: [f64; 10] = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

/// Counters of one publisher.
#[derive(Clone, Debug)]
pub(crate) struct PublisherMetrics {
    messages: IntCounterVec,
    seconds: Histogram,
}

impl PublisherMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        Ok(Self {
            messages: metrics.counter_vec(
                "lethe_messages_published_total",
                "Messages handed to the broker, by what became of them.",
                &["outcome"],
            )?,
            seconds: metrics.histogram(
                "lethe_publish_duration_seconds",
                "Time from handing over a batch to its last confirm.",
                &SECONDS,
            )?,
        })
    }

    pub(crate) fn published(&self, outcomes: &[Result<(), PublishError>], took: Duration) {
        for outcome in outcomes {
            count(&self.messages, &[label(outcome)]);
        }
        self.seconds.observe(took.as_secs_f64());
    }
}

fn label(outcome: &Result<(), PublishError>) -> &'static str {
    match outcome {
        Ok(()) => "confirmed",
        Err(PublishError::Unroutable { .. }) => "unroutable",
        Err(PublishError::Refused) => "refused",
        Err(PublishError::Unconfirmed { .. } | PublishError::Lost(_)) => "unknown",
        Err(PublishError::NotConnected) => "not_connected",
        Err(PublishError::TooLong { .. } | PublishError::NoConfirms) => "invalid",
    }
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Acknowledged,
    Requeued,
    DeadLettered,
    /// Dead-lettered by the broker, without the reason.
    Rejected,
    /// The channel was gone before it could be settled.
    Lost,
    /// The handler panicked.
    Panicked,
    /// The handler ended, or was ended, without settling it.
    Abandoned,
    /// Handed back because the consumer stops.
    Returned,
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Requeued => "requeued",
            Self::DeadLettered => "dead_lettered",
            Self::Rejected => "rejected",
            Self::Lost => "lost",
            Self::Panicked => "panicked",
            Self::Abandoned => "abandoned",
            Self::Returned => "returned",
        }
    }
}

/// Counters of one consumer.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerMetrics {
    queue: &'static str,
    messages: IntCounterVec,
    rebuilds: IntCounterVec,
    connected: IntGaugeVec,
    running: IntGaugeVec,
    pub(crate) seconds: Histogram,
}

impl ConsumerMetrics {
    pub(crate) fn new(metrics: &Metrics, queue: &'static str) -> Result<Self, MetricError> {
        Ok(Self {
            queue,
            messages: metrics.counter_vec(
                "lethe_messages_consumed_total",
                "Deliveries, by queue and by what became of them.",
                &["queue", "outcome"],
            )?,
            rebuilds: metrics.counter_vec(
                "lethe_consumer_rebuilds_total",
                "Times a consumer was built anew, by queue and cause.",
                &["queue", "cause"],
            )?,
            connected: metrics.gauge_vec(
                "lethe_consumer_connected",
                "1 while the consumer is registered with the broker.",
                &["queue"],
            )?,
            running: metrics.gauge_vec("lethe_handlers_running", "Handlers at work.", &["queue"])?,
            seconds: metrics.histogram(
                "lethe_handler_duration_seconds",
                "Time a handler took for one delivery or batch.",
                &SECONDS,
            )?,
        })
    }

    pub(crate) fn settled(&self, outcome: Outcome) {
        count(&self.messages, &[self.queue, outcome.label()]);
    }

    pub(crate) fn rebuilt(&self, cause: &str) {
        count(&self.rebuilds, &[self.queue, cause]);
    }

    pub(crate) fn connected(&self, connected: bool) {
        if let Ok(gauge) = self.connected.get_metric_with_label_values(&[self.queue]) {
            gauge.set(i64::from(connected));
        }
    }

    /// Counts a running handler until the answer is dropped, however it ends.
    pub(crate) fn running(&self) -> Running {
        let gauge = self.running.get_metric_with_label_values(&[self.queue]).ok();
        if let Some(gauge) = &gauge {
            gauge.inc();
        }
        Running(gauge)
    }
}

/// One running handler.
pub(crate) struct Running(Option<IntGauge>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(gauge) = &self.0 {
            gauge.dec();
        }
    }
}

/// The labels above match the declarations; a mismatch would only lose a count.
fn count(counters: &IntCounterVec, labels: &[&str]) {
    if let Ok(counter) = counters.get_metric_with_label_values(labels) {
        IntCounter::inc(&counter);
    }
}
