//! Time turned into work: lapsed leases, due steps, lost messages, old rows.
//!
//! Every replica may sweep at any time: each finding is settled under locks, and what another
//! replica holds is skipped. No leader. And no finding that cannot be settled keeps others waiting.

mod leases;

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Interval as SqlInterval};
use diesel_async::{AsyncConnection, RunQueryDsl};
use domain::id::{JobId, StepNo};
use domain::job::{JobKind, Policy};
use serde::Deserialize;
use uuid::Uuid;

use crate::error::StoreError;
use crate::job::Origin;
use crate::outbox;
use crate::pool::Store;
use crate::schema::{job_steps, privacy_jobs};

/// How long things may lie before the sweeper picks them up.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SweepConfig {
    /// A due step that was announced so long ago is announced again.
    #[serde(with = "duration")]
    pub announce_again_after: Duration,
    /// An audit event published so long ago that is not in the log is published again; the next time
    /// after twice as long, up to 32 times as long.
    #[serde(with = "duration")]
    pub audit_again_after: Duration,
    /// Published outbox rows are kept so long.
    #[serde(with = "duration")]
    pub keep_outbox: Duration,
    /// Idempotency keys are kept so long.
    #[serde(with = "duration")]
    pub keep_idempotency_keys: Duration,
    /// Sealed secrets of failed exports are kept so long, for those who try again.
    #[serde(with = "duration")]
    pub keep_secrets_of_failed: Duration,
    /// A failed erasure can be tried again for so long. After that, what its steps would need to know is
    /// removed, and only a new request helps.
    #[serde(with = "duration")]
    pub keep_failed_erasures: Duration,
}

impl Default for SweepConfig {
    fn default() -> Self {
        Self {
            announce_again_after: Duration::from_secs(30),
            audit_again_after: Duration::from_secs(120),
            keep_outbox: Duration::from_secs(7 * 24 * 3600),
            keep_idempotency_keys: Duration::from_secs(24 * 3600),
            keep_secrets_of_failed: Duration::from_secs(24 * 3600),
            keep_failed_erasures: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

mod duration {
    //! Durations in settings: a number of seconds.
    use std::time::Duration;

    use serde::{Deserialize, Deserializer};

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        f64::deserialize(deserializer)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom))
    }
}

/// What a sweep found and settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Leases that had run out.
    pub lapsed: usize,
    /// Leases that had run out and could not be settled.
    pub stuck: usize,
    /// Steps announced (again).
    pub announced: usize,
    /// Audit events published again.
    pub audit_again: usize,
    /// Outbox rows and idempotency keys removed, and failed jobs whose secrets and scopes were.
    pub removed: usize,
}

/// The most findings of one kind settled in one sweep.
const BATCH: i64 = 100;

impl Store {
    /// Looks for everything that time has made due and settles it. A part that fails is told in the log,
    /// and the others are done all the same.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be reached, or every part fails; what was settled before
    /// stays settled.
    pub async fn sweep(
        &self,
        config: &SweepConfig,
        policy: &Policy,
        origin: &Origin,
    ) -> Result<Swept, StoreError> {
        let mut parts = Parts::default();
        let leases = parts.done("leases", self.sweep_leases(policy, origin).await)?;
        let announced = parts.done("due steps", self.sweep_due(config).await)?;
        let audit_again = parts.done("audit events", self.sweep_audit(config).await)?;
        let messages = parts.done("old messages", self.sweep_messages(config).await)?;
        let keys = parts.done("old idempotency keys", self.sweep_keys(config).await)?;
        let secrets = parts.done("secrets of failed exports", self.sweep_secrets(config).await)?;
        let erasures = parts.done("failed erasures", self.sweep_erasures(config).await)?;
        let removed = [messages, keys, secrets, erasures].into_iter().fold(0, usize::saturating_add);
        parts.finish()?;
        Ok(Swept { lapsed: leases.settled, stuck: leases.stuck, announced, audit_again, removed })
    }

    async fn sweep_due(&self, config: &SweepConfig) -> Result<usize, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let now = crate::clock::now(conn).await?;
            let stale = now - config.announce_again_after;
            let due: Vec<(Uuid, i32)> = job_steps::table
                .filter(job_steps::state.eq("due"))
                .filter(job_steps::not_before.le(now))
                .filter(
                    job_steps::job_id.eq_any(
                        privacy_jobs::table
                            .filter(privacy_jobs::kind.eq_any(known_kinds()))
                            // Nobody gets a step of these before they go on, and it is announced then.
                            .filter(privacy_jobs::state.ne("on_hold"))
                            .select(privacy_jobs::id),
                    ),
                )
                .filter(
                    job_steps::announced_at
                        .is_null()
                        .or(job_steps::announced_at.lt(job_steps::not_before))
                        .or(job_steps::announced_at.lt(stale)),
                )
                .order(job_steps::not_before)
                .limit(BATCH)
                .select((job_steps::job_id, job_steps::step_no))
                .for_update()
                .skip_locked()
                .load(conn)
                .await?;
            for (job, step) in &due {
                let (kind, headers): (String, serde_json::Value) = privacy_jobs::table
                    .find(job)
                    .select((privacy_jobs::kind, privacy_jobs::trace_headers))
                    .first(conn)
                    .await?;
                let kind = JobKind::parse(&kind)
                    .ok_or_else(|| StoreError::corrupt(format!("unknown kind of job `{kind}`")))?;
                outbox::announce(conn, (kind, JobId(*job)), StepNo(*step), &headers_of(headers), now).await?;
            }
            Ok(due.len())
        })
        .await
    }

    /// Those that were published longest ago go first, so that events that never come into the log do not
    /// keep the place of those that were lost.
    async fn sweep_audit(&self, config: &SweepConfig) -> Result<usize, StoreError> {
        self.run(
            "UPDATE outbox SET published_at = NULL, published_again = published_again + 1 WHERE event_id IN ( \
                 SELECT o.event_id FROM outbox o \
                 WHERE o.kind = 'audit.event' AND o.published_at < clock_timestamp() - $1 \
                   AND o.published_at < clock_timestamp() - $1 * power(2, least(o.published_again, 5)) \
                   AND NOT EXISTS (SELECT FROM audit_logs a WHERE a.event_id = o.event_id) \
                 ORDER BY o.published_at LIMIT $2 FOR UPDATE OF o SKIP LOCKED)",
            config.audit_again_after,
        )
        .await
    }

    async fn sweep_messages(&self, config: &SweepConfig) -> Result<usize, StoreError> {
        self.run(
            "DELETE FROM outbox WHERE event_id IN ( \
                 SELECT o.event_id FROM outbox o WHERE o.published_at < clock_timestamp() - $1 \
                   AND (o.kind <> 'audit.event' OR EXISTS (SELECT FROM audit_logs a WHERE a.event_id = o.event_id)) \
                 LIMIT $2 FOR UPDATE OF o SKIP LOCKED)",
            config.keep_outbox,
        )
        .await
    }

    async fn sweep_keys(&self, config: &SweepConfig) -> Result<usize, StoreError> {
        self.run(
            "DELETE FROM idempotency_keys WHERE created_at < clock_timestamp() - $1 AND $2 > 0",
            config.keep_idempotency_keys,
        )
        .await
    }

    async fn sweep_secrets(&self, config: &SweepConfig) -> Result<usize, StoreError> {
        self.run(
            "DELETE FROM job_secrets s USING privacy_jobs j \
             WHERE j.id = s.job_id AND j.kind = 'export' AND j.state = 'failed' \
               AND j.ended_at < clock_timestamp() - $1 AND $2 > 0",
            config.keep_secrets_of_failed,
        )
        .await
    }

    /// The database removes by itself what is sealed for a job that cannot be tried again.
    async fn sweep_erasures(&self, config: &SweepConfig) -> Result<usize, StoreError> {
        self.run(
            "UPDATE privacy_jobs SET sweeps_done = 3 WHERE id IN ( \
                 SELECT j.id FROM privacy_jobs j \
                 WHERE j.kind = 'erasure' AND j.state = 'failed' AND j.sweeps_done < 3 \
                   AND j.ended_at < clock_timestamp() - $1 \
                 LIMIT $2 FOR UPDATE SKIP LOCKED)",
            config.keep_failed_erasures,
        )
        .await
    }

    async fn run(&self, statement: &str, age: Duration) -> Result<usize, StoreError> {
        let mut conn = self.conn().await?;
        let age = diesel::data_types::PgInterval::from_microseconds(
            i64::try_from(age.as_micros()).unwrap_or(i64::MAX),
        );
        let changed = diesel::sql_query(statement)
            .bind::<SqlInterval, _>(age)
            .bind::<BigInt, _>(BATCH)
            .execute(&mut conn)
            .await?;
        Ok(changed)
    }
}

/// How the parts of a sweep went.
#[derive(Default)]
struct Parts {
    done: usize,
    failure: Option<StoreError>,
}

impl Parts {
    /// What a part has done; nothing when it failed, which is told. Without a connection no other part
    /// would do better.
    fn done<T: Default>(&mut self, part: &str, result: Result<T, StoreError>) -> Result<T, StoreError> {
        match result {
            Ok(done) => {
                self.done = self.done.saturating_add(1);
                Ok(done)
            }
            Err(error @ StoreError::Unreachable(_)) => Err(error),
            Err(error) => {
                let cause: &(dyn std::error::Error + 'static) = &error;
                tracing::error!(part, error = cause, "a part of the sweep failed");
                self.failure.get_or_insert(error);
                Ok(T::default())
            }
        }
    }

    fn finish(self) -> Result<(), StoreError> {
        self.failure.filter(|_| self.done == 0).map_or(Ok(()), Err)
    }
}

/// Tells that a finding about a job cannot be settled, so that the next one can be; without a connection
/// none can.
pub(crate) fn passed_over(job: Uuid, what: &str, error: StoreError) -> Result<(), StoreError> {
    if matches!(error, StoreError::Unreachable(_)) {
        return Err(error);
    }
    let cause: &(dyn std::error::Error + 'static) = &error;
    tracing::error!(job.id = %job, error = cause, "{what}");
    Ok(())
}

/// Jobs of other kinds are left to a newer version of this program.
fn known_kinds() -> [&'static str; JobKind::ALL.len()] {
    JobKind::ALL.map(JobKind::name)
}

/// The trace that a job goes on in.
pub(crate) fn headers_of(value: serde_json::Value) -> std::collections::BTreeMap<String, String> {
    let mut headers: std::collections::BTreeMap<String, String> =
        serde_json::from_value(value).unwrap_or_default();
    // An API of an earlier version keeps more of what its callers send.
    headers.retain(|name, _| name == "traceparent");
    headers
}
