//! Holding on to a step while it runs.

use std::time::Duration;

use store::Claimed;
use tokio::time::Instant;

use crate::context::Context;
use crate::step::StepProgress;

/// How often progress is shown, at least.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// Why a running step must be let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// Another worker has it, it was called off, or our own trust in the lease ran out.
    Fenced,
    /// It shows no progress.
    Silent,
    /// The process stops.
    Stopping,
}

/// Renews the lease while the step makes progress; returns when the step must be let go.
pub(super) async fn hold(
    context: &Context,
    step: &Claimed,
    progress: &StepProgress,
    asked_at: Instant,
) -> Lost {
    let lease = context.worker.lease;
    let mut trusted_until = asked_at + trust(lease);
    let (mut beats, mut moved_at) = (progress.beats(), Instant::now());
    let mut stop_at: Option<Instant> = None;
    loop {
        let wake_at = Instant::now() + (lease / 6).min(SHOW_EVERY);
        tokio::select! {
            () = tokio::time::sleep_until(wake_at.min(stop_at.unwrap_or(wake_at))) => {}
            () = context.stopping.cancelled(), if stop_at.is_none() => {
                stop_at = Some(Instant::now() + context.worker.finish_within);
                continue;
            }
        }
        if stop_at.is_some_and(|at| Instant::now() >= at) {
            return Lost::Stopping;
        }
        if progress.beats() != beats {
            (beats, moved_at) = (progress.beats(), Instant::now());
        } else if moved_at.elapsed() > context.worker.longest_silence {
            return Lost::Silent;
        }
        let sent_at = Instant::now();
        let held = (step.job_id, step.step_no, step.epoch);
        let amounts = progress.amounts();
        let renewing = context.store.renew_step(held, lease, &amounts);
        match tokio::time::timeout_at(trusted_until, renewing).await {
            Ok(Ok(true)) => trusted_until = sent_at + trust(lease),
            Ok(Ok(false)) => return Lost::Fenced,
            Ok(Err(error)) => {
                tracing::warn!(error = telemetry::as_error(&error), "a lease could not be renewed")
            }
            Err(_) => return Lost::Fenced,
        }
        if Instant::now() >= trusted_until {
            return Lost::Fenced;
        }
    }
}

/// For how much of a lease its holder may believe in it: clocks and networks take the rest.
fn trust(lease: Duration) -> Duration {
    lease.saturating_sub(lease / 6)
}

#[cfg(test)]
mod tests;
