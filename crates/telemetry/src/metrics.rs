//! Counters, gauges and histograms, rendered as Prometheus text.
//!
//! One [`Metrics`] is made per service and handed to the parts that count; asking twice for the same
//! name gives the same instrument. Labels name kinds of things, never a person, an organisation or a job.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::{HistogramOpts, Opts, Registry, TextEncoder};

pub use prometheus::{Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

/// Content type of [`Metrics::render`] (Prometheus text exposition format 0.0.4).
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Label names that would identify someone or grow without bound.
const FORBIDDEN_LABELS: [&str; 9] =
    ["email", "job", "job_id", "organisation", "organisation_id", "subject", "subject_id", "tenant", "user"];

/// Why an instrument could not be made or the text not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum MetricError {
    /// Names are `lethe_…` for the machinery and `privacy_…` for the obligations.
    #[error("metric `{0}` must start with `lethe_` or `privacy_`")]
    Name(String),
    /// A label that must not exist.
    #[error(
        "metric `{metric}` must not have the label `{label}`: it identifies someone or grows without bound"
    )]
    Label {
        /// Name of the metric.
        metric: String,
        /// Name of the label.
        label: String,
    },
    /// The name is taken by an instrument of another type or with other labels.
    #[error("metric `{0}` exists with another type, help text or other labels")]
    Differs(String),
    /// The library refused the instrument or the rendering.
    #[error("metric `{name}` was refused")]
    Refused {
        /// Name of the metric.
        name: String,
        /// What the library said.
        #[source]
        source: prometheus::Error,
    },
}

/// The instruments of one service. Clones share them.
#[derive(Clone, Default)]
pub struct Metrics {
    registry: Registry,
    known: Arc<Mutex<BTreeMap<String, Box<dyn Any + Send>>>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A count that only grows; its name ends in `_total`.
    ///
    /// # Errors
    /// [`MetricError`] when the name is not allowed or means something else already.
    pub fn counter(&self, name: &str, help: &str) -> Result<IntCounter, MetricError> {
        self.instrument(name, &[], || IntCounter::new(name, help))
    }

    /// Counts by label.
    ///
    /// # Errors
    /// As [`Metrics::counter`]; also when a label is not allowed.
    pub fn counter_vec(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, MetricError> {
        self.instrument(name, labels, || IntCounterVec::new(Opts::new(name, help), labels))
    }

    /// A whole number that goes up and down.
    ///
    /// # Errors
    /// As [`Metrics::counter`].
    pub fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, MetricError> {
        self.instrument(name, &[], || IntGauge::new(name, help))
    }

    /// Whole numbers that go up and down, by label.
    ///
    /// # Errors
    /// As [`Metrics::counter_vec`].
    pub fn gauge_vec(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, MetricError> {
        self.instrument(name, labels, || IntGaugeVec::new(Opts::new(name, help), labels))
    }

    /// A distribution over `buckets`, the upper bounds in the unit its name ends in.
    ///
    /// # Errors
    /// As [`Metrics::counter`].
    pub fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, MetricError> {
        self.instrument(name, &[], || {
            Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))
        })
    }

    /// Distributions over `buckets`, by label.
    ///
    /// # Errors
    /// As [`Metrics::counter_vec`].
    pub fn histogram_vec(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, MetricError> {
        self.instrument(name, labels, || {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            HistogramVec::new(options, labels)
        })
    }

    /// Everything counted so far, in the text exposition format.
    ///
    /// # Errors
    /// [`MetricError::Refused`] when the text cannot be written.
    pub fn render(&self) -> Result<String, MetricError> {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .map_err(|source| MetricError::Refused { name: "all".to_owned(), source })
    }

    fn instrument<C>(
        &self,
        name: &str,
        labels: &[&str],
        make: impl FnOnce() -> Result<C, prometheus::Error>,
    ) -> Result<C, MetricError>
    where
        C: Collector + Clone + 'static,
    {
        check_names(name, labels)?;
        let refused = |source| MetricError::Refused { name: name.to_owned(), source };
        let fresh = make().map_err(refused)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = known.get(name) {
            return earlier
                .downcast_ref::<C>()
                .filter(|earlier| same_shape(*earlier, &fresh))
                .cloned()
                .ok_or_else(|| MetricError::Differs(name.to_owned()));
        }
        self.registry.register(Box::new(fresh.clone())).map_err(refused)?;
        known.insert(name.to_owned(), Box::new(fresh.clone()));
        Ok(fresh)
    }
}

fn check_names(name: &str, labels: &[&str]) -> Result<(), MetricError> {
    if !(name.starts_with("lethe_") || name.starts_with("privacy_")) {
        return Err(MetricError::Name(name.to_owned()));
    }
    match labels.iter().find(|label| FORBIDDEN_LABELS.contains(label)) {
        None => Ok(()),
        Some(label) => Err(MetricError::Label { metric: name.to_owned(), label: (*label).to_owned() }),
    }
}

/// Whether two collectors describe the same instrument: help text and labels are in `dim_hash`.
fn same_shape<C: Collector>(left: &C, right: &C) -> bool {
    let shape = |collector: &C| -> Vec<(u64, u64)> {
        collector.desc().iter().map(|description| (description.id, description.dim_hash)).collect()
    };
    shape(left) == shape(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_twice_counts_in_one_place() {
        let metrics = Metrics::new();
        metrics.counter("lethe_tests_total", "Tests.").unwrap().inc();
        metrics.counter("lethe_tests_total", "Tests.").unwrap().inc();
        assert!(metrics.render().unwrap().contains("\nlethe_tests_total 2\n"));
    }

    #[test]
    fn two_registries_do_not_share() {
        let (left, right) = (Metrics::new(), Metrics::new());
        left.gauge("lethe_open", "Open.").unwrap().set(3);
        right.gauge("lethe_open", "Open.").unwrap().set(5);
        assert!(left.render().unwrap().contains("lethe_open 3"));
        assert!(right.render().unwrap().contains("lethe_open 5"));
    }

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let metrics = Metrics::new();
        let requests = metrics.counter_vec("privacy_requests_total", "Requests.", &["right"]).unwrap();
        requests.get_metric_with_label_values(&["access"]).unwrap().inc();
        let seconds = metrics.histogram("lethe_wait_seconds", "Waiting.", &[0.1, 1.0]).unwrap();
        seconds.observe(0.5);
        let text = metrics.render().unwrap();
        for line in [
            "# HELP privacy_requests_total Requests.",
            "# TYPE privacy_requests_total counter",
            r#"privacy_requests_total{right="access"} 1"#,
            "# TYPE lethe_wait_seconds histogram",
            r#"lethe_wait_seconds_bucket{le="0.1"} 0"#,
            r#"lethe_wait_seconds_bucket{le="+Inf"} 1"#,
            "lethe_wait_seconds_sum 0.5",
            "lethe_wait_seconds_count 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn another_shape_under_the_same_name_is_refused() {
        let metrics = Metrics::new();
        metrics.counter_vec("lethe_a_total", "A.", &["x"]).unwrap();
        for other in [
            metrics.counter_vec("lethe_a_total", "A.", &["y"]).map(drop),
            metrics.counter_vec("lethe_a_total", "B.", &["x"]).map(drop),
            metrics.gauge("lethe_a_total", "A.").map(drop),
        ] {
            assert!(matches!(other, Err(MetricError::Differs(_))));
        }
    }

    #[test]
    fn labels_that_identify_someone_are_refused() {
        let metrics = Metrics::new();
        let refused = metrics.counter_vec("lethe_a_total", "A.", &["kind", "organisation_id"]);
        assert!(matches!(refused, Err(MetricError::Label { label, .. }) if label == "organisation_id"));
        let refused = metrics.counter("jobs_total", "A.");
        assert!(matches!(refused, Err(MetricError::Name(_))));
    }
}
