//! What a worker counts.

use std::time::Duration;

use domain::job::law::Conclusion;
use telemetry::metrics::{HistogramVec, IntCounter, MetricError, Metrics};

pub(super) struct WorkerMetrics {
    pub fenced: IntCounter,
    duration: HistogramVec,
}

impl WorkerMetrics {
    pub fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        let buckets = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0];
        Ok(Self {
            fenced: metrics
                .counter("privacy_fence_rejected_total", "steps that a worker had lost when it reported")?,
            duration: metrics.histogram_vec(
                "privacy_step_duration_seconds",
                "time from claim to end of a step",
                &["kind", "outcome"],
                &buckets,
            )?,
        })
    }

    pub fn ended(&self, kind: &str, outcome: &str, took: Duration) {
        self.duration.with_label_values(&[kind, outcome]).observe(took.as_secs_f64());
    }
}

/// The outcome as a label.
pub(super) fn outcome(conclusion: &Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Completed => "completed",
        Conclusion::Retryable(_) | Conclusion::PutOff(..) => "retrying",
        Conclusion::Permanent(_) => "failed",
        Conclusion::Waiting(_) => "waiting",
        Conclusion::OnHold(_) => "on_hold",
        Conclusion::Released => "released",
    }
}
