//! The end of a step: one fenced transaction that also writes the audit event and the next messages.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::erasure::document::MediaResult;
use domain::id::{JobId, StepNo};
use domain::job::law::{self, Conclusion, Surroundings};
use domain::job::{JobOutcome, Phase, Policy, StepKind};

use super::plan::{keep_plan, phase_behind};
use super::renew::{own_amount, put_plan_right, write_amounts};
use super::{Concluded, Plan, Produced, StepReport};
use crate::error::StoreError;
use crate::hold;
use crate::job::Origin;
use crate::job::write::LockedJob;
use crate::package;
use crate::pool::Store;
use crate::rows::StepRow;
use crate::schema::{job_steps, privacy_jobs};

impl Store {
    /// Concludes a step. The last one of a phase opens the next, or ends the job.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails. When the connection was lost during COMMIT the
    /// outcome is unknown: report again, and the fence tells.
    pub async fn conclude_step(
        &self,
        report: &StepReport,
        policy: &Policy,
        origin: &Origin,
    ) -> Result<Concluded, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let holds = matches!(report.conclusion, Conclusion::OnHold(_));
            if holds {
                // Before the job's lock, as whoever releases a hold does.
                hold::wait_for_releases(conn, report.job_id).await?;
            }
            let Some(mut job) = LockedJob::lock(conn, report.job_id, origin).await? else {
                return Ok(Concluded::Fenced);
            };
            let Some(row) = job.lock_step(conn, report.step_no).await? else {
                return Ok(Concluded::Fenced);
            };
            let planned =
                report.produced.plan.as_ref().filter(|_| report.conclusion == Conclusion::Completed);
            let mut around = surroundings(conn, &row, planned).await?;
            if holds && job.facts.kind.obeys_holds() {
                around.hold_released = hold::released_since(conn, &job.organisation, row.started_at).await?;
            }
            let said = (report.epoch, report.conclusion.clone());
            let Ok(decision) = law::conclude(&job.facts, &row.facts()?, said, around, (job.now, policy))
            else {
                return Ok(Concluded::Fenced);
            };
            if report.conclusion == Conclusion::Completed {
                keep(conn, &job, &row, &report.produced).await?;
                job.rows = rows_of(&row, &report.produced)?;
                job.media = media_of(&row, &report.produced)?;
                if report.produced.plan.is_some() {
                    job.outcome = outcome_of(&job, &report.produced);
                }
            }
            let mut opened = job.write_decision(conn, &row, &decision, policy).await?;
            if report.conclusion == Conclusion::Released {
                // Somebody else can begin at once; no need to wait for the sweeper.
                job.announce(conn, report.step_no).await?;
                opened.push(report.step_no);
            }
            Ok(Concluded::Written { job: job.state().clone(), opened })
        })
        .await
    }
}

pub(super) async fn surroundings(
    conn: &mut AsyncPgConnection,
    row: &StepRow,
    plan: Option<&Plan>,
) -> Result<Surroundings, StoreError> {
    let open_siblings: i64 = job_steps::table
        .filter(job_steps::job_id.eq(row.job_id))
        .filter(job_steps::phase.eq(row.phase))
        .filter(job_steps::step_no.ne(row.step_no))
        .filter(job_steps::state.eq_any(["waiting", "due", "running"]))
        .count()
        .get_result(conn)
        .await?;
    let stored: Option<(i32, String)> = job_steps::table
        .filter(job_steps::job_id.eq(row.job_id))
        .filter(job_steps::phase.gt(row.phase))
        // After a retry an early step may end last; what came after it and is done is not opened again.
        .filter(job_steps::state.eq("waiting"))
        .order(job_steps::phase)
        .select((job_steps::phase, job_steps::kind))
        .first(conn)
        .await
        .optional()?;
    let stored = stored.and_then(|(phase, kind)| Some((Phase(phase), StepKind::parse(&kind)?)));
    let planned = plan
        .and_then(|plan| plan.steps.iter().min_by_key(|step| step.phase))
        .map(|step| (phase_behind(row, step.phase), step.kind));
    let next = [stored, planned].into_iter().flatten().min_by_key(|(phase, _)| *phase);
    Ok(Surroundings {
        open_siblings,
        next_phase: next.map(|(phase, _)| phase),
        next_verifies: next.is_some_and(|(_, kind)| kind.verifies()),
        hold_released: false,
    })
}

/// How many rows a step erased or exported, when that is what it is for.
fn rows_of(row: &StepRow, produced: &Produced) -> Result<Option<i64>, StoreError> {
    let kind = row.kind()?;
    let rows = || produced.amounts.iter().map(|amount| amount.rows).sum();
    Ok((kind.reads_rows() || kind == StepKind::EraseRows).then(rows))
}

/// What became of the objects that a step deleted, when that is what it is for.
fn media_of(row: &StepRow, produced: &Produced) -> Result<Option<MediaResult>, StoreError> {
    let deletes = row.kind()? == StepKind::DeleteMedia;
    let result = produced.result.clone().filter(|_| deletes);
    Ok(result.and_then(|result| serde_json::from_value(result).ok()))
}

/// What comes of the job by this plan. A further pass may find whom the first did not; but whom the first has found
/// was found, even if nothing of that person is left.
fn outcome_of(job: &LockedJob<'_>, produced: &Produced) -> Option<JobOutcome> {
    let found_before = job.row.outcome.is_none() && job.row.cutoff.is_some();
    produced.outcome.filter(|_| !found_before)
}

/// Keeps what comes of the job if it ends well.
async fn keep_outcome(
    conn: &mut AsyncPgConnection,
    job: &LockedJob<'_>,
    outcome: Option<JobOutcome>,
) -> Result<(), StoreError> {
    let name = outcome.map(JobOutcome::name);
    let of_job = privacy_jobs::table.find(job.row.id);
    diesel::update(of_job).set(privacy_jobs::outcome.eq(name)).execute(conn).await?;
    Ok(())
}

/// Keeps what a step produced.
async fn keep(
    conn: &mut AsyncPgConnection,
    job: &LockedJob<'_>,
    row: &StepRow,
    produced: &Produced,
) -> Result<(), StoreError> {
    if let Some(plan) = &produced.plan {
        keep_plan(conn, job, row, plan).await?;
        keep_outcome(conn, job, outcome_of(job, produced)).await?;
    }
    if let Some(result) = &produced.result {
        diesel::update(job_steps::table.find((row.job_id, row.step_no)))
            .set(job_steps::result.eq(result))
            .execute(conn)
            .await?;
    }
    let valid_for = produced.packages_valid_for.unwrap_or(package::VALIDITY);
    for package in &produced.packages {
        let owner = (job.row.organisation_id.as_str(), job.row.id);
        package::insert(conn, owner, package, (job.now, valid_for)).await?;
    }
    let whose = (&job.organisation, JobId(job.row.id), StepNo(row.step_no));
    hold::keep_retained(conn, whose, &produced.retained, job.origin).await?;
    write_amounts(conn, row, &produced.amounts).await?;
    put_plan_right(conn, row, &produced.amounts).await?;
    let (rows_done, bytes_done) = own_amount(row, &produced.amounts);
    diesel::update(job_steps::table.find((row.job_id, row.step_no)))
        .set((job_steps::rows_done.eq(rows_done), job_steps::bytes_done.eq(bytes_done)))
        .execute(conn)
        .await?;
    Ok(())
}
