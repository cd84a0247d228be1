//! What ended jobs left in object storage: when their packages end, and what nobody needs.
//!
//! The scheduler takes a folder, deletes objects outside any transaction, and says what came of
//! it. A folder that is taken is held for a while, so that replicas do not do the same work and a
//! failure is not tried again at once; a crash in between is repeated after that, and harmless.
//!
//! Nothing that is still needed can be deleted. Objects lie in a folder per step and epoch, and
//! only ended jobs are looked at, under their lock: the epochs seen then are those of attempts that
//! are over. Should a failed job be taken up again meanwhile, its new attempts have higher epochs
//! and are not touched. What a retry would read, the objects of completed steps, is kept until the
//! last round; from its beginning on (`sweeps_done` = 2, written before anything is deleted) a
//! retry is refused. A completed job never runs again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::audit::Action;
use domain::id::{JobId, OrganisationId};
use domain::job::{JobKind, law};
use uuid::Uuid;

use crate::clock;
use crate::error::StoreError;
use crate::job::Origin;
use crate::job::write::{LockedJob, exactly_one};
use crate::outbox;
use crate::pool::Store;
use crate::schema::{job_steps, packages, privacy_jobs};

/// When folders are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderPolicy {
    /// So long after a job's end, for what no retry needs. Longer than a lease: then every worker
    /// that lost a step has noticed.
    pub sweep_after: Duration,
    /// So long after its end once more, for everything but packages that are alive.
    pub sweep_again_after: Duration,
    /// How long a folder is held by who works on it; the pause after a failure.
    pub hold: Duration,
}

/// A folder that was taken for sweeping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderToSweep {
    /// The job.
    pub job_id: JobId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The folders of attempts, by step and epoch, of which everything may go.
    pub attempts: Vec<SweptAttempts>,
    /// The keys of packages that are alive.
    pub packages: Vec<String>,
    /// What `sweeps_done` will be.
    round: i32,
    ended_at: DateTime<Utc>,
}

/// The attempts of one step that are over and whose objects may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweptAttempts {
    /// The step.
    pub step_no: i32,
    /// Epochs from 1 up to this one.
    pub last_epoch: i64,
}

impl FolderToSweep {
    /// Whether the objects of that attempt may go.
    #[must_use]
    pub fn covers(&self, step_no: i32, epoch: i64) -> bool {
        self.attempts.iter().any(|swept| swept.step_no == step_no && epoch <= swept.last_epoch)
    }
}

/// A folder that was taken because its packages have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderToExpire {
    /// The job.
    pub job_id: JobId,
    /// Whose it is.
    pub organisation: OrganisationId,
}

/// Until the last round, what completed steps wrote is kept for a retry.
const LAST_ROUND: i32 = 2;
const DONE: i32 = 3;

type Ended = (Uuid, String, String, DateTime<Utc>, i32);

impl Store {
    /// Takes up to `limit` folders of jobs whose packages have all ended, and holds them.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; none is held then.
    pub async fn take_expired_folders(
        &self,
        policy: &FolderPolicy,
        limit: i64,
    ) -> Result<Vec<FolderToExpire>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let now = clock::now(conn).await?;
            let ended = packages::table.filter(packages::expires_at.le(now)).select(packages::job_id);
            let alive = packages::table.filter(packages::expires_at.gt(now)).select(packages::job_id);
            let found: Vec<(Uuid, String)> = privacy_jobs::table
                .filter(privacy_jobs::state.eq("completed"))
                .filter(privacy_jobs::id.eq_any(ended))
                .filter(privacy_jobs::id.ne_all(alive))
                .filter(privacy_jobs::folder_held_until.is_null().or(privacy_jobs::folder_held_until.le(now)))
                .order(privacy_jobs::ended_at)
                .limit(limit)
                .select((privacy_jobs::id, privacy_jobs::organisation_id))
                .for_update()
                .skip_locked()
                .load(conn)
                .await?;
            let ids: Vec<Uuid> = found.iter().map(|(id, _)| *id).collect();
            hold(conn, &ids, now + policy.hold).await?;
            found
                .into_iter()
                .map(|(id, organisation)| {
                    let organisation = outbox::organisation(&organisation)?;
                    Ok(FolderToExpire { job_id: JobId(id), organisation })
                })
                .collect()
        })
        .await
    }

    /// Says that the objects of a job's ended packages are deleted: the job is expired from now on.
    /// `false` when it was already.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; the folder is found again later.
    pub async fn expire_job(&self, id: JobId, origin: &Origin) -> Result<bool, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let Some(mut job) = LockedJob::lock(conn, id, origin).await? else {
                return Ok(false);
            };
            let Ok(version) = law::expire(&job.facts, job.now) else {
                return Ok(false);
            };
            debug_assert_eq!(version.action, Action::JobExpired);
            job.write_versions(conn, &[version], None).await?;
            Ok(true)
        })
        .await
    }

    /// Takes up to `limit` folders of ended jobs that are to be swept, and holds them.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; none is held then.
    pub async fn take_folders_to_sweep(
        &self,
        policy: &FolderPolicy,
        limit: i64,
    ) -> Result<Vec<FolderToSweep>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let now = clock::now(conn).await?;
            let first =
                privacy_jobs::sweeps_done.eq(0).and(privacy_jobs::ended_at.le(now - policy.sweep_after));
            let last = privacy_jobs::sweeps_done
                .eq_any([1, LAST_ROUND])
                .and(privacy_jobs::ended_at.le(now - policy.sweep_again_after));
            let found: Vec<Ended> = privacy_jobs::table
                .filter(privacy_jobs::kind.eq(JobKind::Export.name()))
                .filter(first.or(last))
                .filter(privacy_jobs::folder_held_until.is_null().or(privacy_jobs::folder_held_until.le(now)))
                .order(privacy_jobs::ended_at)
                .limit(limit)
                .select((
                    privacy_jobs::id,
                    privacy_jobs::organisation_id,
                    privacy_jobs::state,
                    privacy_jobs::ended_at.assume_not_null(),
                    privacy_jobs::sweeps_done,
                ))
                .for_update()
                .skip_locked()
                .load(conn)
                .await?;
            let ids: Vec<Uuid> = found.iter().map(|job| job.0).collect();
            hold(conn, &ids, now + policy.hold).await?;
            let mut folders = Vec::with_capacity(found.len());
            for job in found {
                folders.push(begin(conn, job, now).await?);
            }
            Ok(folders)
        })
        .await
    }

    /// Says that a folder was swept. Does nothing when the job has moved on meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; the folder is swept again later.
    pub async fn folder_swept(&self, folder: &FolderToSweep) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        diesel::update(privacy_jobs::table.find(folder.job_id.0))
            .filter(privacy_jobs::ended_at.eq(folder.ended_at))
            .set((
                privacy_jobs::sweeps_done.eq(folder.round),
                privacy_jobs::folder_held_until.eq(None::<DateTime<Utc>>),
            ))
            .execute(&mut conn)
            .await?;
        Ok(())
    }
}

async fn hold(conn: &mut AsyncPgConnection, ids: &[Uuid], until: DateTime<Utc>) -> Result<(), StoreError> {
    diesel::update(privacy_jobs::table.filter(privacy_jobs::id.eq_any(ids)))
        .set(privacy_jobs::folder_held_until.eq(until))
        .execute(conn)
        .await?;
    Ok(())
}

/// Decides what of a job's folder may go; its row is locked.
async fn begin(
    conn: &mut AsyncPgConnection,
    (id, organisation, state, ended_at, sweeps_done): Ended,
    now: DateTime<Utc>,
) -> Result<FolderToSweep, StoreError> {
    let last = sweeps_done > 0;
    if last {
        // Before anything is deleted that a retry would read.
        let changed = diesel::update(privacy_jobs::table.find(id))
            .set(privacy_jobs::sweeps_done.eq(LAST_ROUND))
            .execute(conn)
            .await?;
        exactly_one(changed, "job")?;
    }
    let steps: Vec<(i32, i64, String)> = job_steps::table
        .filter(job_steps::job_id.eq(id))
        .filter(job_steps::epoch.gt(0))
        .order(job_steps::step_no)
        .select((job_steps::step_no, job_steps::epoch, job_steps::state))
        .load(conn)
        .await?;
    let keep_results = state == "failed" && !last;
    let swept = |(step_no, epoch, step): (i32, i64, String)| {
        let kept = keep_results && step == "completed";
        SweptAttempts { step_no, last_epoch: if kept { epoch.saturating_sub(1) } else { epoch } }
    };
    let packages: Vec<String> = packages::table
        .filter(packages::job_id.eq(id))
        .filter(packages::expires_at.gt(now))
        .select(packages::object_key)
        .load(conn)
        .await?;
    Ok(FolderToSweep {
        job_id: JobId(id),
        organisation: outbox::organisation(&organisation)?,
        attempts: steps.into_iter().map(swept).collect(),
        packages: if state == "completed" { packages } else { Vec::new() },
        round: if last { DONE } else { 1 },
        ended_at,
    })
}

/// Whether nothing that a failed job wrote can be relied on any more.
pub(crate) const fn is_swept(sweeps_done: i32) -> bool {
    sweeps_done >= LAST_ROUND
}
