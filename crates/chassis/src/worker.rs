//! Claim, acknowledge, run, conclude.
//!
//! The message only says where to look. It is acknowledged once the claim has committed; from then
//! on the lease in the row, renewed by the heartbeat, is what keeps others away, and the fence is
//! what keeps this process away once it has lost the step.

mod heartbeat;
mod metrics;
mod tries;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use contracts::{StepDue, decode};
use domain::job::law::Conclusion;
use domain::job::{FailureReason, Policy};
use futures::FutureExt;
use messaging::{Acker, Consumer, ConsumerSettings, Delivery, Handler, QueueSpec, Settled};
use store::{Claim, Claimed, Concluded, Produced, StepReport};
use tokio::time::Instant;

use crate::context::Context;
use crate::step::{StepError, StepProgress, StepRunner};

use heartbeat::{Lost, hold};
use metrics::WorkerMetrics;
use tries::Tries;

/// The pause before a message is handed back because the control database is away.
const AWAY: Duration = Duration::from_secs(2);
/// How long a conclusion is tried again while the control database is away, with once more after that, and
/// how often.
const CONCLUDE_FOR: Duration = Duration::from_secs(30);
const CONCLUDE_PAUSE: Duration = Duration::from_millis(500);
/// After so many refusals that look final, the report says only that the step did not end well: its
/// job should fail with a reason, not with a worker that seems to be lost each time.
const REFUSALS: u32 = 5;

/// Runs the steps announced on `queue` until the context is stopping.
///
/// # Errors
/// When the worker's settings cannot be used or the consumer cannot be set up.
pub async fn work<R: StepRunner>(queue: QueueSpec, runner: R, context: Context) -> anyhow::Result<()> {
    context.worker.check()?;
    let mut settings =
        ConsumerSettings::new(context.amqp.clone(), queue).with_concurrency(context.worker.concurrency);
    settings.drain_deadline = context.worker.finish_within.saturating_add(Duration::from_secs(5));
    let worker = Worker {
        runner: Arc::new(runner),
        policy: context.worker.policy(),
        metrics: WorkerMetrics::new(&context.metrics)?,
        context: context.clone(),
    };
    let consumer = Consumer::new(settings, worker, &context.metrics)?;
    let (ready, live) = (consumer.health(), consumer.health());
    context.health.ready_when("queue", move || ready.connected());
    context.health.live_when("consumer", move || live.since_last_tick() < Duration::from_secs(60));
    let drained = consumer.run(context.stopping.clone()).await;
    if drained.unfinished > 0 {
        tracing::warn!(steps = drained.unfinished, "steps were cut off; their leases will lapse");
    }
    Ok(())
}

struct Worker<R> {
    runner: Arc<R>,
    policy: Policy,
    metrics: WorkerMetrics,
    context: Context,
}

impl<R: StepRunner> Handler for Worker<R> {
    async fn handle(&self, delivery: Delivery, acker: Acker) -> Settled {
        let due = match decode::<StepDue>(&delivery.body) {
            Ok(envelope) => envelope.body,
            Err(error) => return acker.dead_letter(&error.to_string()).await,
        };
        // Taken before the claim is sent: our own trust in the lease must end before the lease does.
        let asked_at = Instant::now();
        let (owner, lease) = (self.context.instance.as_str(), self.context.worker.lease);
        let origin = self.context.origin();
        let asked =
            self.context.store.claim_step((due.job_id, due.step_no), (owner, lease), &self.policy, &origin);
        match asked.await {
            Err(error) => {
                tracing::warn!(
                    error = telemetry::as_error(&error),
                    "a step cannot be claimed; its message goes back"
                );
                acker.requeue_after(AWAY).await
            }
            Ok(Claim::Unknown) => acker.dead_letter("no job of this service has such a step").await,
            Ok(Claim::Refused(refused)) => {
                tracing::debug!(job.id = %due.job_id, step.no = %due.step_no, reason = %refused, "nothing to claim");
                settle(acker).await
            }
            Ok(Claim::Granted(step)) => {
                self.context.relay.wake();
                let settled = settle(acker).await;
                self.run(&step, asked_at).await;
                settled
            }
        }
    }
}

/// Acknowledges. A lost delivery comes again, finds the step claimed and is acknowledged then.
async fn settle(acker: Acker) -> Settled {
    acker.ack().await.unwrap_or_else(|lost| {
        tracing::debug!(error = telemetry::as_error(&lost), "the acknowledgement was lost");
        Settled::from(lost)
    })
}

impl<R: StepRunner> Worker<R> {
    async fn run(&self, step: &Claimed, asked_at: Instant) {
        let progress = StepProgress::default();
        let running = AssertUnwindSafe(self.runner.run(step, &progress)).catch_unwind();
        let ended = tokio::select! {
            ended = running => Ok(ended.unwrap_or_else(|_| Err(panicked()))),
            lost = hold(&self.context, step, &progress, asked_at) => Err(lost),
        };
        let (conclusion, produced) = match ended {
            Ok(Ok(produced)) => (Conclusion::Completed, produced),
            Ok(Err(error)) => {
                told(step, &error);
                (error.into(), Produced::default())
            }
            Err(Lost::Stopping) => (Conclusion::Released, Produced::default()),
            Err(Lost::Silent) => (Conclusion::Retryable(silent()), Produced::default()),
            Err(Lost::Fenced) => {
                self.metrics.fenced.inc();
                tracing::warn!(job.id = %step.job_id, step.no = %step.step_no, "the step was lost to another worker or called off");
                return;
            }
        };
        self.conclude(step, conclusion, produced, asked_at).await;
    }

    /// Reports the end, again and again while the control database is away. When a commit's outcome
    /// is unknown the next report is fenced, which says that the first one counted.
    async fn conclude(&self, step: &Claimed, conclusion: Conclusion, produced: Produced, asked_at: Instant) {
        let (job_id, step_no, epoch) = (step.job_id, step.step_no, step.epoch);
        let mut report = StepReport { job_id, step_no, epoch, conclusion, produced };
        let mut tries = Tries::until(Instant::now() + CONCLUDE_FOR);
        let mut refusals = 0_u32;
        while tries.another(Instant::now()) {
            let origin = self.context.origin();
            let error = match self.context.store.conclude_step(&report, &self.policy, &origin).await {
                Ok(concluded) => return self.concluded(step, &report, concluded, asked_at).await,
                Err(error) => error,
            };
            tracing::warn!(error = telemetry::as_error(&error), "a step's end cannot be written yet");
            refusals += u32::from(!error.is_retryable());
            if refusals == REFUSALS && report.conclusion != Conclusion::Released {
                report.conclusion = Conclusion::Retryable(refused());
                report.produced = Produced::default();
            }
            tokio::time::sleep(CONCLUDE_PAUSE).await;
        }
        tracing::error!(job.id = %job_id, step.no = %step_no, "a step's end could not be written; its lease will lapse");
    }

    async fn concluded(&self, step: &Claimed, report: &StepReport, concluded: Concluded, asked_at: Instant) {
        let Concluded::Written { job, .. } = concluded else {
            self.metrics.fenced.inc();
            tracing::warn!(job.id = %step.job_id, step.no = %step.step_no, "the step had ended or was lost before this report");
            return;
        };
        self.context.relay.wake();
        if report.conclusion == Conclusion::Completed {
            self.runner.ended(step, &report.produced, &job).await;
        }
        let outcome = metrics::outcome(&report.conclusion);
        self.metrics.ended(step.kind.name(), outcome, asked_at.elapsed());
        // It looks again every few seconds, for hours if need be.
        if matches!(report.conclusion, Conclusion::Waiting(_)) {
            return;
        }
        tracing::info!(
            job.id = %step.job_id, job.state = job.name(), step.no = %step.step_no,
            step.kind = step.kind.name(), outcome, "step ended"
        );
    }
}

/// Says why a step did not end well. What only waits says so in its row, and is not worth a line each time.
fn told(step: &Claimed, error: &StepError) {
    let FailureReason { code, detail } = error.reason();
    let (job, no, kind) = (step.job_id, step.step_no, step.kind.name());
    if error.is_failure() {
        tracing::warn!(
            job.id = %job, step.no = %no, step.kind = kind, attempt = step.attempts,
            reason.code = code, reason.detail = detail, "a step failed"
        );
    } else {
        tracing::debug!(
            job.id = %job, step.no = %no, step.kind = kind, reason.code = code, reason.detail = detail,
            "a step waits"
        );
    }
}

fn panicked() -> StepError {
    let detail = "the worker met a fault of its own while running this step; see its log";
    StepError::Retryable(FailureReason::new("worker_fault", detail))
}

fn refused() -> FailureReason {
    FailureReason::new(
        "result_refused",
        "the control database refused to keep what the step produced; see the worker's log",
    )
}

fn silent() -> FailureReason {
    FailureReason::new(
        "no_progress",
        "the step made no progress for too long and was given up; see worker.longest_silence",
    )
}
