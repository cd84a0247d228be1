//! Waiting for a job without slowing it down.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use contracts::http::JobView;
use tests::Api;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(1_800);
/// How often a caller looks at a small job. On average half of it is added to a time.
const OFTEN: Duration = Duration::from_millis(4);
/// And at a large one, which must not be slowed down by being watched.
const SELDOM: Duration = Duration::from_millis(100);
/// What lasts so long is large.
const LARGE_AFTER: Duration = Duration::from_millis(400);

/// The job when it has completed.
pub async fn completed(api: &Api, job: Uuid) -> Result<JobView> {
    let begun = Instant::now();
    loop {
        let view = api.job(job).await?;
        let state = view.summary.state.as_str();
        if matches!(state, "completed" | "failed" | "cancelled") {
            ensure!(state == "completed", "the job ended as {state}: {:?}", view.failure);
            return Ok(view);
        }
        ensure!(begun.elapsed() < PATIENCE, "the job did not end within {PATIENCE:?}");
        tokio::time::sleep(if begun.elapsed() < LARGE_AFTER { OFTEN } else { SELDOM }).await;
    }
}
