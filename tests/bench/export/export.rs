//! One export, from request to downloadable archive, with what it cost.

use std::time::{Duration, Instant};

use anyhow::Result;
use tests::Api;
use uuid::Uuid;

use crate::job::completed;

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
    let view = completed(api, job).await?;
    let took = begun.elapsed();
    let (rows, bytes) = (u64::try_from(view.progress.rows_done)?, u64::try_from(view.progress.bytes_done)?);
    Ok(Run { job, took, rows, bytes })
}
