//! One export, from request to downloadable archive, with what it cost.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use contracts::http::JobView;
use tests::Api;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(1_800);
/// How often a caller looks at a small export. On average half of it is added to a time.
const OFTEN: Duration = Duration::from_millis(4);
/// And at a large one, which must not be slowed down by being watched.
const SELDOM: Duration = Duration::from_millis(100);
/// What lasts so long is large.
const LARGE_AFTER: Duration = Duration::from_millis(400);

/// An export that completed.
pub struct Run {
    pub job: Uuid,
    pub took: Duration,
    pub rows: u64,
    pub bytes: u64,
}

pub async fn run(api: &Api, format: &str) -> Result<Run> {
    let begun = Instant::now();
    let job = api.export(format).await?;
    let view = ended(api, job).await?;
    let took = begun.elapsed();
    ensure!(
        view.summary.state == "completed",
        "the export ended as {}: {:?}",
        view.summary.state,
        view.failure
    );
    let (rows, bytes) = (u64::try_from(view.progress.rows_done)?, u64::try_from(view.progress.bytes_done)?);
    Ok(Run { job, took, rows, bytes })
}

async fn ended(api: &Api, job: Uuid) -> Result<JobView> {
    let begun = Instant::now();
    loop {
        let view = api.job(job).await?;
        if matches!(view.summary.state.as_str(), "completed" | "failed" | "cancelled") {
            return Ok(view);
        }
        ensure!(begun.elapsed() < PATIENCE, "the export did not end within {PATIENCE:?}");
        tokio::time::sleep(if begun.elapsed() < LARGE_AFTER { OFTEN } else { SELDOM }).await;
    }
}
