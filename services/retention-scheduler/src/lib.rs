//! Turns time into work: lapsed leases, due steps, messages that were lost.
//!
//! Any number of replicas may run; each finding is settled under row locks. There is no leader.

use std::time::Duration;

use chassis::{Context, Service};
use rand::Rng;
use serde::Deserialize;
use store::SweepConfig;

/// The service.
pub struct RetentionScheduler;

/// Its settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The pause between two sweeps; up to a fifth is added at random.
    #[serde(with = "humantime_serde")]
    pub sweep_every: Duration,
    /// How long things may lie before a sweep picks them up.
    pub sweep: SweepConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self { sweep_every: Duration::from_secs(2), sweep: SweepConfig::default() }
    }
}

impl Service for RetentionScheduler {
    const NAME: &'static str = "retention-scheduler";
    const ABOUT: &'static str = "Turns time into work: lapsed leases, due steps, lost messages, old rows";
    type Config = Config;

    async fn serve(config: Config, context: Context) -> anyhow::Result<()> {
        let settled =
            context.metrics.counter_vec("privacy_swept_total", "findings settled by sweeps", &["finding"])?;
        let policy = context.worker.policy();
        loop {
            match context.store.sweep(&config.sweep, &policy, &context.origin()).await {
                Ok(swept) => {
                    for (finding, count) in [
                        ("lease_lapsed", swept.lapsed),
                        ("step_announced", swept.announced),
                        ("audit_published_again", swept.audit_again),
                        ("row_removed", swept.removed),
                    ] {
                        settled.with_label_values(&[finding]).inc_by(u64::try_from(count).unwrap_or(0));
                    }
                    if swept.lapsed > 0 || swept.announced > 0 || swept.audit_again > 0 {
                        tracing::info!(?swept, "swept");
                        context.relay.wake();
                    }
                }
                Err(error) => tracing::warn!(error = telemetry::as_error(&error), "a sweep failed"),
            }
            let jitter = rand::rng().random_range(0.0..0.2);
            tokio::select! {
                () = tokio::time::sleep(config.sweep_every.mul_f64(1.0 + jitter)) => {}
                () = context.stopping.cancelled() => return Ok(()),
            }
        }
    }
}
