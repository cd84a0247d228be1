//! Grace periods that have ended.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::id::JobId;
use domain::job::{JobKind, Phase, Policy, law};
use uuid::Uuid;

use crate::error::StoreError;
use crate::job::write::LockedJob;
use crate::job::{Origin, none_is_waited_for};
use crate::pool::Store;
use crate::schema::privacy_jobs;
use crate::sweep::{headers_of, passed_over};

/// The most jobs released in one call.
const BATCH: i64 = 100;

impl Store {
    /// Lets every job begin whose grace period is over, each once, and answers how many did. One that has an
    /// export to come first waits until that has ended, well or not.
    ///
    /// `witness` is the caller's own clock: one that runs ahead, the database's or the caller's, must
    /// not cut a grace period short. Both have to agree that it is over.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; what was released before stays released.
    pub async fn release_scheduled(
        &self,
        witness: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<usize, StoreError> {
        let mut conn = self.conn().await?;
        let now = crate::clock::now(&mut conn).await?;
        let ended: Vec<(Uuid, serde_json::Value)> = privacy_jobs::table
            .filter(privacy_jobs::state.eq("scheduled"))
            .filter(privacy_jobs::not_before.le(now.min(witness)))
            .filter(privacy_jobs::kind.eq_any(JobKind::ALL.map(JobKind::name)))
            .filter(none_is_waited_for())
            .order(privacy_jobs::not_before)
            .limit(BATCH)
            .select((privacy_jobs::id, privacy_jobs::trace_headers))
            .load(&mut conn)
            .await?;
        drop(conn);
        let mut released = 0_usize;
        for (job, headers) in ended {
            let origin = Origin { actor: origin.actor.clone(), headers: headers_of(headers) };
            let mut conn = self.conn().await?;
            // One that cannot begin must not keep the others waiting.
            match conn.transaction(async |conn| release(conn, JobId(job), witness, &origin).await).await {
                Ok(done) => released = released.saturating_add(usize::from(done)),
                Err(error) => passed_over(job, "a grace period cannot be ended", error)?,
            }
        }
        Ok(released)
    }
}

/// Releases one job; `false` when it was called off or released in the meantime, somebody is about to, or it has to
/// wait for its export again.
async fn release(
    conn: &mut AsyncPgConnection,
    id: JobId,
    witness: DateTime<Utc>,
    origin: &Origin,
) -> Result<bool, StoreError> {
    // Who holds the row calls the job off or releases it. If neither, it is found again. The export may have
    // been tried again meanwhile.
    let free: Option<Uuid> = privacy_jobs::table
        .find(id.0)
        .filter(none_is_waited_for())
        .select(privacy_jobs::id)
        .for_update()
        .skip_locked()
        .first(conn)
        .await
        .optional()?;
    if free.is_none() {
        return Ok(false);
    }
    let Some(mut job) = LockedJob::lock(conn, id, origin).await? else {
        return Ok(false);
    };
    let Ok(version) = law::release(&job.facts, job.now, witness) else {
        return Ok(false);
    };
    job.write_versions(conn, &[version], None).await?;
    job.open_phase(conn, Phase::PLANNING.0, &Policy::default()).await?;
    Ok(true)
}
