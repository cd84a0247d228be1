//! Asking for a step: compare and set under the job's lock.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, StepNo};
use domain::job::law::{self, Decision};
use domain::job::{JobKind, Lease, Policy, SkipReason, StepKind, StepState};
use domain::plan::CollectionSize;

use super::{Claim, Claimed, StepResult, scope};
use crate::error::StoreError;
use crate::hold;
use crate::job::Origin;
use crate::job::write::{LockedJob, exactly_one};
use crate::outbox;
use crate::pool::Store;
use crate::rows::{JobRow, StepRow, StepStateColumns};
use crate::schema::{job_progress, job_steps, privacy_jobs};

impl Store {
    /// Claims a step for `owner` for the length of a lease.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; the step is not held then, or will lapse.
    pub async fn claim_step(
        &self,
        (job_id, step_no): (JobId, StepNo),
        (owner, lease): (&str, Duration),
        policy: &Policy,
        origin: &Origin,
    ) -> Result<Claim, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            hold::claim_after_releases(conn, job_id).await?;
            let Some(mut job) = LockedJob::lock(conn, job_id, origin).await? else {
                return Ok(Claim::Unknown);
            };
            let Some(row) = job.lock_step(conn, step_no).await? else {
                return Ok(Claim::Unknown);
            };
            let lease = Lease {
                epoch: row.epoch.saturating_add(1),
                owner: owner.to_owned(),
                expires_at: job.now + lease,
            };
            let decision = match law::claim(&job.facts, &row.facts()?, lease, job.now, policy) {
                Ok(decision) => decision,
                Err(refused) => return Ok(Claim::Refused(refused)),
            };
            take(conn, &row, &decision, job.now).await?;
            job.write_versions(conn, &decision.versions, Some(step_no)).await?;
            claimed(conn, &job.row, row, &decision).await.map(|claimed| Claim::Granted(Box::new(claimed)))
        })
        .await
    }

    /// The kind of a job, for announcements that come without one.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn job_kind(&self, id: JobId) -> Result<Option<JobKind>, StoreError> {
        let mut conn = self.conn().await?;
        let row: Option<JobRow> =
            privacy_jobs::table.find(id.0).select(JobRow::as_select()).first(&mut conn).await.optional()?;
        row.map(|row| row.kind()).transpose()
    }
}

/// The one write that moves an epoch.
async fn take(
    conn: &mut AsyncPgConnection,
    row: &StepRow,
    decision: &Decision,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), StoreError> {
    let changed = diesel::update(job_steps::table.find((row.job_id, row.step_no)))
        .filter(job_steps::epoch.eq(row.epoch))
        .set((
            StepStateColumns::new(&decision.step, row.attempts),
            job_steps::epoch.eq(row.epoch.saturating_add(1)),
            job_steps::started_at.eq(now),
        ))
        .execute(conn)
        .await?;
    exactly_one(changed, "step")
}

async fn claimed(
    conn: &mut AsyncPgConnection,
    job: &JobRow,
    row: StepRow,
    decision: &Decision,
) -> Result<Claimed, StoreError> {
    let inputs = inputs(conn, &row).await?;
    // Only erasures have one, and only their worker may read it; only they have several passes.
    let (scope, pass) = match job.kind()? {
        JobKind::Erasure => {
            let scope = scope::of_step(conn, (JobId(job.id), StepNo(row.step_no))).await?;
            (scope, pass_of(conn, &row).await?)
        }
        JobKind::Export => (None, 1),
    };
    let planned: Vec<(String, i64)> = job_progress::table
        .filter(job_progress::job_id.eq(job.id))
        .order(job_progress::position)
        .select((job_progress::collection, job_progress::rows_planned))
        .load(conn)
        .await?;
    let attempts = match &decision.step {
        StepState::Running { attempts, .. } => *attempts,
        _ => return Err(StoreError::corrupt("a granted claim does not run")),
    };
    Ok(Claimed {
        job_id: JobId(job.id),
        job_kind: job.kind()?,
        organisation: outbox::organisation(&job.organisation_id)?,
        request: job.request.clone(),
        requested_by: job.requested_by.clone(),
        requested_at: job.created_at,
        cutoff: job.cutoff,
        step_no: StepNo(row.step_no),
        kind: row.kind()?,
        waived: waived(&row)?,
        pass,
        collection: row.collection,
        part_no: row.part_no,
        attempts,
        epoch: row.epoch.saturating_add(1),
        inputs,
        scope,
        planned: planned.into_iter().map(|(collection, rows)| CollectionSize { collection, rows }).collect(),
    })
}

/// How often the job was planned up to this step.
async fn pass_of(conn: &mut AsyncPgConnection, row: &StepRow) -> Result<i32, StoreError> {
    let planned: i64 = job_steps::table
        .filter(job_steps::job_id.eq(row.job_id))
        .filter(job_steps::step_no.le(row.step_no))
        .filter(job_steps::kind.eq(StepKind::PlanErasure.name()))
        .count()
        .get_result(conn)
        .await?;
    Ok(i32::try_from(planned).unwrap_or(i32::MAX).max(1))
}

fn waived(row: &StepRow) -> Result<Option<SkipReason>, StoreError> {
    let unknown = |name: &str| StoreError::corrupt(format!("unknown reason not to wait `{name}`"));
    let parse = |name: &String| SkipReason::parse(name).ok_or_else(|| unknown(name));
    row.waived_reason.as_ref().map(parse).transpose()
}

type ResultRow = (i32, String, Option<String>, Option<i32>, Option<serde_json::Value>);

/// The results of earlier phases, as far as they concern the step.
async fn inputs(conn: &mut AsyncPgConnection, row: &StepRow) -> Result<Vec<StepResult>, StoreError> {
    let mut query = job_steps::table
        .filter(job_steps::job_id.eq(row.job_id))
        .filter(job_steps::phase.lt(row.phase))
        .filter(job_steps::state.eq("completed"))
        .filter(job_steps::result.is_not_null())
        .order(job_steps::step_no)
        .select((
            job_steps::step_no,
            job_steps::kind,
            job_steps::collection,
            job_steps::part_no,
            job_steps::result,
        ))
        .into_boxed();
    if let Some(collection) = &row.collection {
        query = query.filter(job_steps::collection.eq(collection).or(job_steps::collection.is_null()));
    }
    let rows: Vec<ResultRow> = query.load(conn).await?;
    rows.into_iter()
        .filter_map(|(step_no, kind, collection, part_no, result)| {
            let kind = StepKind::parse(&kind)
                .ok_or_else(|| StoreError::corrupt(format!("unknown kind of step `{kind}`")));
            let result = result?;
            let step_no = StepNo(step_no);
            Some(kind.map(|kind| StepResult { step_no, kind, collection, part_no, result }))
        })
        .collect()
}
