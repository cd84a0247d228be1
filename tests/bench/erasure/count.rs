//! The peer of verification: what somebody who knows the schema would count by hand, on as many
//! connections as the role that verifies may hold.

use std::time::Instant;

use anyhow::{Result, ensure};
use futures::future::try_join_all;

use crate::bench::Bench;
use crate::company::Treatment;

/// The default of a store's `max_connections`.
const CONNECTIONS: i64 = 4;

/// Rows in which a value stands that the `UPDATE` would have changed.
const LEFT: &str = "
SELECT count(*) FILTER (WHERE email !~ '^[0-9a-f]{32}@erased[.]invalid$'),
       count(*) FILTER (WHERE full_name IS DISTINCT FROM 'Former contact'),
       count(*) FILTER (WHERE phone ~ '[^*]' AND $3),
       count(*) FILTER (WHERE born_on IS DISTINCT FROM date_trunc('year', born_on)::date),
       count(*) FILTER (WHERE address IS NOT NULL),
       count(*) FILTER (WHERE last_ip IS DISTINCT FROM
           network(set_masklen(last_ip, least(masklen(last_ip), CASE family(last_ip) WHEN 4 THEN 24 ELSE 48 END)))),
       count(*) FILTER (WHERE notes IS DISTINCT FROM '[redacted]' AND notes IS NOT NULL)
FROM contact WHERE tenant_id = 1 AND id >= $1 AND id < $2";

/// Rows that the `DELETE` would have taken.
const STILL_THERE: &str =
    "SELECT count(*) FROM contact WHERE tenant_id = 1 AND id >= $1 AND id < $2 AND ($3 OR NOT $3)";

/// Counts what is left in the copy in which the statement was carried out last; in how many seconds. `treatment` is
/// what was done to its rows.
pub async fn run(bench: &Bench, treatment: Treatment) -> Result<f64> {
    let (sql, masked) = match treatment {
        Treatment::Delete => (STILL_THERE, false),
        // What is compared with computed values masks them too.
        Treatment::PushedDown | Treatment::Computed => (LEFT, true),
    };
    let rows = i64::from(bench.rows) * 5 + 1;
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(bench.system.subjects.connect().await?);
    }
    let begun = Instant::now();
    let stretches = (0..).zip(&clients).map(|(at, client)| async move {
        let (from, to) = (rows * at / CONNECTIONS, rows * (at + 1) / CONNECTIONS);
        client.query_one(sql, &[&from, &to, &masked]).await
    });
    let counted = try_join_all(stretches).await?;
    let seconds = begun.elapsed().as_secs_f64();
    for row in counted {
        for at in 0..row.len() {
            ensure!(row.try_get::<_, i64>(at)? == 0, "something is left in column {at}");
        }
    }
    Ok(seconds)
}
