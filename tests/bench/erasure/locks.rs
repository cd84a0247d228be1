//! How long rows stay locked: as long as the transaction that changed them is open.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use anyhow::Result;
use tests::System;

/// How often transactions are looked at; so much longer one may have been open than was seen.
const EVERY: Duration = Duration::from_millis(10);

/// The age in milliseconds of the oldest transaction that has changed anything. An erasure's own
/// beginning, before it changes anything, counts too.
const OLDEST_SQL: &str = "
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 * 1e3
FROM pg_stat_activity
WHERE datname = $1 AND backend_type = 'client backend' AND backend_xid IS NOT NULL";

/// Does the work; beside its outcome, for how many milliseconds a transaction was seen open at most.
pub async fn watched<T>(system: &System, work: impl Future<Output = Result<T>>) -> Result<(T, f64)> {
    let client = &system.control.client;
    let statement = client.prepare(OLDEST_SQL).await?;
    let (mut work, mut longest) = (pin!(work), 0.0_f64);
    let mut looks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            done = &mut work => return Ok((done?, longest)),
            _ = looks.tick() => {
                let row = client.query_one(&statement, &[&system.subjects.name]).await?;
                longest = longest.max(row.try_get(0)?);
            }
        }
    }
}
