//! One erasure of an organisation, with what it cost.

use std::fmt;

use anyhow::{Result, ensure};
use store::{Accepted, Store, StoreConfig};
use testkit::new_erasure;
use uuid::Uuid;

use crate::bench::{Bench, Fsync, SERVICE};
use crate::company::Treatment;
use crate::cpu::{Cores, Meter};
use crate::job::completed;
use crate::locks::watched;

/// Seconds by the rows' own times: the whole job, and its steps of each kind from the claim of the
/// first to the end of the last.
const TIMES_SQL: &str = "
SELECT extract(epoch FROM ended_at - created_at)::float8, plan.took, rows.took, verify.took
FROM privacy_jobs job
CROSS JOIN LATERAL (SELECT extract(epoch FROM max(ended_at) - min(started_at))::float8 AS took
    FROM job_steps WHERE job_id = job.id AND kind = 'plan_erasure') plan
CROSS JOIN LATERAL (SELECT extract(epoch FROM max(ended_at) - min(started_at))::float8 AS took
    FROM job_steps WHERE job_id = job.id AND kind = 'erase_rows') rows
CROSS JOIN LATERAL (SELECT extract(epoch FROM max(ended_at) - min(started_at))::float8 AS took
    FROM job_steps WHERE job_id = job.id AND kind = 'verify_erasure') verify
WHERE job.id = $1";

const MIB: u64 = 1_048_576;

/// An erasure that completed, and so was verified.
pub struct Run {
    pub job: f64,
    pub planning: f64,
    pub rows: f64,
    pub verifying: f64,
    /// For how many milliseconds a transaction was open at most.
    pub locked: f64,
    /// MiB that the worker had resident at most.
    pub memory: f64,
    cores: Cores,
}

/// Erases an organisation of so many contacts in a copy of the database, by a fresh worker.
pub async fn run(
    bench: &mut Bench,
    treatment: Treatment,
    fsync: Fsync,
    (organisation, contacts): (&str, u32),
) -> Result<Run> {
    bench.copy(fsync).await?;
    bench.worker(treatment).await?;
    let system = &bench.system;
    let meter = Meter::start(system, &[system.id(SERVICE)?]).await?;
    let api = system.api(organisation, "owner")?;
    let control =
        Store::open(&StoreConfig { url: system.control.url_as("lethe_api")?.into(), max_connections: 1 })?;
    let work = async {
        let job = request(&control, organisation).await?;
        Ok((job, completed(&api, job).await?))
    };
    let ((job, view), locked) = watched(system, work).await?;
    let cores = meter.read()?;
    // And the organisation's own row.
    ensure!(
        view.progress.rows_done == i64::from(contacts) + 1,
        "{} rows were erased",
        view.progress.rows_done
    );
    let times = system.control.client.query_one(TIMES_SQL, &[&job]).await?;
    let memory = bench.system.process(SERVICE)?.peak_memory_bytes()? / MIB;
    Ok(Run {
        job: times.try_get(0)?,
        planning: times.try_get(1)?,
        rows: times.try_get(2)?,
        verifying: times.try_get(3)?,
        locked,
        memory: f64::from(u32::try_from(memory)?),
        cores,
    })
}

/// Asks as the API does when an owner confirms, without a grace period.
async fn request(control: &Store, organisation: &str) -> Result<Uuid> {
    let mut new = new_erasure(organisation);
    new.request.grace_period_days = 0.try_into().map_err(anyhow::Error::msg)?;
    new.soft_deletes = false;
    let (Accepted::Created(job) | Accepted::Replayed(job)) = control.create_erasure(&new).await?;
    Ok(job.0)
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, planning, rows, verifying, locked, memory, cores } = self;
        write!(
            f,
            "rows {rows:.1} s of {job:.1} s (planning {planning:.1} s, verifying {verifying:.1} s), \
             locks {locked:.0} ms, {memory:.0} MiB; {cores}"
        )
    }
}
