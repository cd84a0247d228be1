//! Turns time into work: lapsed leases, due steps, messages that were lost, packages that end.
//!
//! Any number of replicas may run; each finding is settled under row locks. There is no leader.

mod config;
mod folders;

use std::time::Duration;

use chassis::{Context, Service};
use chrono::Utc;
use rand::Rng;
use telemetry::metrics::IntCounterVec;

pub use config::{Config, PackageSettings};
pub use folders::Folders;

/// The service.
pub struct RetentionScheduler;

impl Service for RetentionScheduler {
    const NAME: &'static str = "retention-scheduler";
    const ABOUT: &'static str =
        "Turns time into work: lapsed leases, due steps, lost messages, old rows, ended packages";
    type Config = Config;

    fn check(config: &Config, context: &Context) -> anyhow::Result<()> {
        folders(config, context).map(drop)
    }

    async fn serve(config: Config, context: Context) -> anyhow::Result<()> {
        let folders = folders(&config, &context)?;
        if folders.is_none() {
            tracing::warn!("service.packages is not set: packages stay for ever, and what jobs leave behind");
        }
        // Beside each other: a package store that does not answer must not keep leases from lapsing.
        tokio::try_join!(sweeps(&config, &context), clearing(&config, &context, folders))?;
        Ok(())
    }
}

fn folders(config: &Config, context: &Context) -> anyhow::Result<Option<Folders>> {
    let Some(settings) = &config.packages else { return Ok(None) };
    let policy = settings.policy(context.worker.lease)?;
    Ok(Some(Folders::open(settings, policy, context.store.clone(), &context.metrics)?))
}

async fn sweeps(config: &Config, context: &Context) -> anyhow::Result<()> {
    let settled =
        context.metrics.counter_vec("privacy_swept_total", "findings settled by sweeps", &["finding"])?;
    let policy = context.worker.policy();
    loop {
        match context.store.sweep(&config.sweep, &policy, &context.origin()).await {
            Ok(swept) => {
                for (finding, count) in [
                    ("lease_lapsed", swept.lapsed),
                    ("lease_stuck", swept.stuck),
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
        release(&settled, context).await;
        if !pause(config.sweep_every, context).await {
            return Ok(());
        }
    }
}

/// Lets jobs begin whose grace period is over, by the control database's clock and by our own.
async fn release(settled: &IntCounterVec, context: &Context) {
    match context.store.release_scheduled(Utc::now(), &context.origin()).await {
        Ok(0) => {}
        Ok(released) => {
            settled.with_label_values(&["grace_ended"]).inc_by(u64::try_from(released).unwrap_or(0));
            tracing::info!(released, "grace periods have ended");
            context.relay.wake();
        }
        Err(error) => tracing::warn!(error = telemetry::as_error(&error), "no grace period can be ended"),
    }
}

async fn clearing(config: &Config, context: &Context, folders: Option<Folders>) -> anyhow::Result<()> {
    let Some(mut folders) = folders else {
        return Ok(());
    };
    loop {
        let origin = context.origin();
        let round = tokio::select! {
            round = folders.round(&origin) => round,
            // What was begun is found again.
            () = context.stopping.cancelled() => return Ok(()),
        };
        match round {
            Ok(0) => {}
            Ok(expired) => {
                tracing::info!(expired, "packages have ended");
                context.relay.wake();
            }
            Err(error) => tracing::warn!(error = telemetry::as_error(&error), "clearing folders failed"),
        }
        if !pause(config.sweep_every, context).await {
            return Ok(());
        }
    }
}

/// Waits a while; `false` when the process is to stop.
async fn pause(length: Duration, context: &Context) -> bool {
    let jitter = rand::rng().random_range(0.0..0.2);
    tokio::select! {
        () = tokio::time::sleep(length.mul_f64(1.0 + jitter)) => true,
        () = context.stopping.cancelled() => false,
    }
}
