//! The peer: what somebody who knows the schema would write by hand, one statement for all rows.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::bench::{Bench, Fsync};
use crate::company::LARGE;
use crate::cpu::{Cores, Meter};
use crate::locks::watched;

/// What Lethe's strategies do, with an HMAC-SHA-256 (RFC 2104) as the pseudonym. The two keys are
/// padded already; any do.
pub const UPDATE: &str = "
UPDATE contact SET
    email = left(encode(sha256(decode(repeat('5c', 64), 'hex') || sha256(decode(repeat('36', 64), 'hex')
            || convert_to('pseudonym', 'UTF8') || '\\x00'::bytea || convert_to(email, 'UTF8'))), 'hex'), 32)
            || '@erased.invalid',
    full_name = 'Former contact',
    phone = repeat('*', CASE WHEN length(phone) >= 16 THEN 16 WHEN length(phone) >= 8 THEN 8
                             WHEN length(phone) >= 4 THEN 4 WHEN length(phone) >= 2 THEN 2
                             ELSE length(phone) END),
    born_on = date_trunc('year', born_on)::date,
    address = NULL,
    last_ip = network(set_masklen(last_ip, least(masklen(last_ip), CASE family(last_ip) WHEN 4 THEN 24 ELSE 48 END))),
    notes = CASE WHEN notes IS NOT NULL THEN '[redacted]' END
WHERE tenant_id = 1";

pub const DELETE: &str = "DELETE FROM contact WHERE tenant_id = 1";

/// A statement that was carried out.
pub struct Run {
    pub seconds: f64,
    /// For how many milliseconds its transaction was open.
    pub locked: f64,
    pub cores: Cores,
}

/// Carries the statement out in a copy of the database.
pub async fn run(bench: &mut Bench, statement: &str, fsync: Fsync) -> Result<Run> {
    bench.copy(fsync).await?;
    let system = &bench.system;
    let meter = Meter::start(system, &[]).await?;
    let work = async {
        let begun = Instant::now();
        let rows = system.subjects.client.execute(statement, &[]).await?;
        Ok((rows, begun.elapsed().as_secs_f64()))
    };
    let ((rows, seconds), locked) = watched(system, work).await?;
    let cores = meter.read()?;
    ensure!(rows == u64::from(bench.rows), "{rows} rows of organisation {LARGE} were changed");
    Ok(Run { seconds, locked, cores })
}
