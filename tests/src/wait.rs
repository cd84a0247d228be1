//! Waiting for a condition, with a deadline.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks until the answer is there or the time is up; the error names what did not happen.
///
/// # Errors
/// When the deadline passes, or when asking fails.
pub async fn eventually<T, F>(within: Duration, what: &str, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            bail!("within {within:?} this did not happen: {what}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
