//! A failed job is tried again: its steps are opened anew, or what is left is planned behind them.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::law::{self, Again};
use domain::job::pass::passes;
use domain::job::{Policy, StepCommand, StepKind};

use super::Origin;
use super::control::ControlError;
use super::write::{LockedJob, refused};
use crate::error::StoreError;
use crate::folder::is_swept;
use crate::pool::act_for;
use crate::rows::StepRow;
use crate::schema::job_steps;

pub(super) async fn retry(
    conn: &mut AsyncPgConnection,
    (organisation, id): (&OrganisationId, JobId),
    origin: &Origin,
) -> Result<(), ControlError> {
    act_for(conn, organisation).await?;
    let mut job =
        LockedJob::lock_of(conn, (organisation, id), origin).await?.ok_or(ControlError::NotFound)?;
    let retried = law::retry(&job.facts, job.now)?;
    if is_swept(job.row.sweeps_done) {
        return Err(ControlError::Swept);
    }
    job.write_versions(conn, &[retried.version], None).await?;
    match retried.again {
        Again::Reopened => reopen(conn, &job).await?,
        Again::FurtherPass => plan_once_more(conn, &job).await?,
    }
    Ok(())
}

/// Opens the unfinished steps of the first unfinished phase of the last pass; later ones wait again. What
/// an earlier pass left unfinished stays as it is.
async fn reopen(conn: &mut AsyncPgConnection, job: &LockedJob<'_>) -> Result<(), StoreError> {
    let policy = Policy::default();
    let unfinished: Vec<_> =
        last_pass(job.steps(conn).await?)?.into_iter().filter(|row| row.state != "completed").collect();
    let first = unfinished.iter().map(|row| row.phase).min();
    for row in &unfinished {
        if Some(row.phase) == first {
            job.open_step(conn, row, &policy).await?;
        } else {
            let state = row.state()?.apply(&StepCommand::Reset, job.now, &policy).map_err(refused)?;
            job.write_step(conn, row, &state).await?;
        }
    }
    Ok(())
}

fn last_pass(steps: Vec<StepRow>) -> Result<Vec<StepRow>, StoreError> {
    let kinds: Vec<StepKind> = steps.iter().map(StepRow::kind).collect::<Result<_, _>>()?;
    let passes = passes(kinds);
    let last = passes.last().copied();
    Ok(steps.into_iter().zip(passes).filter(|(_, pass)| Some(*pass) == last).map(|(row, _)| row).collect())
}

/// Adds a step that plans what is left, behind all others. Those stay: they are what was done, and why
/// that was not enough.
async fn plan_once_more(conn: &mut AsyncPgConnection, job: &LockedJob<'_>) -> Result<(), StoreError> {
    let steps = job.steps(conn).await?;
    let behind = |of: fn(&StepRow) -> i32| steps.iter().map(of).max().unwrap_or(0).saturating_add(1);
    let step_no = StepNo(behind(|row| row.step_no));
    diesel::insert_into(job_steps::table)
        .values((
            job_steps::job_id.eq(job.row.id),
            job_steps::step_no.eq(step_no.0),
            job_steps::organisation_id.eq(&job.row.organisation_id),
            job_steps::phase.eq(behind(|row| row.phase)),
            job_steps::kind.eq(job.facts.kind.planning_step().name()),
            job_steps::state.eq("due"),
            job_steps::not_before.eq(job.now),
        ))
        .execute(conn)
        .await?;
    job.announce(conn, step_no).await
}
