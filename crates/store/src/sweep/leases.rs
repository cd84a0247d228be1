//! Leases that have run out, each settled by itself.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use domain::id::{JobId, StepNo};
use domain::job::{Policy, law};
use uuid::Uuid;

use super::{BATCH, headers_of, known_kinds, passed_over};
use crate::error::StoreError;
use crate::job::Origin;
use crate::job::write::LockedJob;
use crate::pool::Store;
use crate::schema::{job_steps, privacy_jobs};

/// How long a sweep waits in all for jobs whose rows somebody keeps locked. They are looked at again in the next.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits for each of them even after that: who renews a lease has the row for a moment.
const A_MOMENT: Duration = Duration::from_millis(50);
/// How long it goes on to others after that, at most: what else is due waits behind it.
const LONGEST: Duration = Duration::from_secs(30);

/// A lease that had run out when it was found: when, of which step, and the job's trace.
type Lapsed = (Option<DateTime<Utc>>, Uuid, i32, serde_json::Value);

/// What became of the leases that a sweep found.
#[derive(Debug, Default)]
pub(super) struct Leases {
    pub settled: usize,
    /// Those that could not be settled; each sweep tries again.
    pub stuck: usize,
}

impl Store {
    /// Settles leases until a batch of them is settled or all were looked at: those that cannot be
    /// settled are passed over and fill no batch.
    pub(super) async fn sweep_leases(&self, policy: &Policy, origin: &Origin) -> Result<Leases, StoreError> {
        let mut leases = Leases::default();
        let (mut locked_jobs, begun_at, mut patience) = (HashSet::new(), Instant::now(), PATIENCE);
        let now = crate::clock::now(&mut *self.conn().await?).await?;
        let mut last = None;
        loop {
            let page = lapsed(&mut *self.conn().await?, now, last).await?;
            last = page.last().map(|(ended, job, step, _)| (*ended, *job, *step));
            let is_last = i64::try_from(page.len()).is_ok_and(|found| found < BATCH);
            for (_, job, step, headers) in page {
                if locked_jobs.contains(&job) {
                    leases.stuck = leases.stuck.saturating_add(1);
                    continue;
                }
                let origin = Origin { actor: origin.actor.clone(), headers: headers_of(headers) };
                let asked_at = Instant::now();
                let settled = self.settle((JobId(job), StepNo(step)), policy, (&origin, patience)).await;
                let waited = asked_at.elapsed();
                match settled {
                    Ok(done) => leases.settled = leases.settled.saturating_add(usize::from(done)),
                    Err(error) => {
                        passed_over(job, "a lease cannot be settled", error)?;
                        leases.stuck = leases.stuck.saturating_add(1);
                        // Its other steps would be waited for as long.
                        if waited >= patience {
                            locked_jobs.insert(job);
                        }
                    }
                }
                patience = patience.saturating_sub(waited).max(A_MOMENT);
            }
            if is_last
                || begun_at.elapsed() >= LONGEST
                || i64::try_from(leases.settled).is_ok_and(|settled| settled >= BATCH)
            {
                return Ok(leases);
            }
        }
    }

    async fn settle(
        &self,
        step: (JobId, StepNo),
        policy: &Policy,
        (origin, patience): (&Origin, Duration),
    ) -> Result<bool, StoreError> {
        let mut conn = self.conn().await?;
        let set_patience = format!("SET LOCAL lock_timeout = {}", patience.as_millis().max(1));
        conn.transaction(async |conn| {
            conn.batch_execute(&set_patience).await?;
            lapse(conn, step, policy, origin).await
        })
        .await
    }
}

/// A page of the leases that had run out at `now`, behind the last of the page before.
async fn lapsed(
    conn: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    last: Option<(Option<DateTime<Utc>>, Uuid, i32)>,
) -> Result<Vec<Lapsed>, StoreError> {
    let mut query = job_steps::table
        .inner_join(privacy_jobs::table.on(privacy_jobs::id.eq(job_steps::job_id)))
        .filter(job_steps::state.eq("running"))
        .filter(job_steps::lease_expires_at.lt(now))
        .filter(privacy_jobs::kind.eq_any(known_kinds()))
        .order((job_steps::lease_expires_at, job_steps::job_id, job_steps::step_no))
        .limit(BATCH)
        .select((
            job_steps::lease_expires_at,
            job_steps::job_id,
            job_steps::step_no,
            privacy_jobs::trace_headers,
        ))
        .into_boxed();
    if let Some((ended, job, step)) = last {
        let same_job = job_steps::job_id.eq(job).and(job_steps::step_no.gt(step));
        let same_end = job_steps::lease_expires_at.eq(ended).and(job_steps::job_id.gt(job).or(same_job));
        query = query.filter(job_steps::lease_expires_at.gt(ended).or(same_end));
    }
    Ok(query.load(conn).await?)
}

/// Settles one lease that had run out when it was looked at; `false` when it is alive after all.
async fn lapse(
    conn: &mut AsyncPgConnection,
    (job_id, step_no): (JobId, StepNo),
    policy: &Policy,
    origin: &Origin,
) -> Result<bool, StoreError> {
    let Some(mut job) = LockedJob::lock(conn, job_id, origin).await? else {
        return Ok(false);
    };
    let Some(row) = job.lock_step(conn, step_no).await? else {
        return Ok(false);
    };
    let Ok(decision) = law::lapse(&job.facts, &row.facts()?, job.now, policy) else {
        return Ok(false);
    };
    job.write_decision(conn, &row, &decision, policy).await?;
    Ok(true)
}
