//! What planning leaves: the job's other steps.

use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::job::Phase;

use super::{Plan, scope};
use crate::error::StoreError;
use crate::job::write::LockedJob;
use crate::rows::StepRow;
use crate::schema::{job_progress, job_steps, privacy_jobs};

/// Where a planned phase stands in the job: phases are counted from the planning step on.
pub(super) fn phase_behind(planning: &StepRow, phase: Phase) -> Phase {
    Phase(planning.phase.saturating_add(phase.0))
}

/// Keeps what a planning step decided: the steps behind it, what they may touch, and for how much they
/// are planned. A further pass adds to what the passes before it were planned for.
pub(super) async fn keep_plan(
    conn: &mut AsyncPgConnection,
    job: &LockedJob<'_>,
    row: &StepRow,
    plan: &Plan,
) -> Result<(), StoreError> {
    diesel::update(privacy_jobs::table.find(job.row.id))
        .set(privacy_jobs::cutoff.eq(plan.cutoff))
        .execute(conn)
        .await?;
    let steps: Vec<_> = (row.step_no.saturating_add(1)..)
        .zip(&plan.steps)
        .map(|(step_no, step)| {
            (
                job_steps::job_id.eq(row.job_id),
                job_steps::step_no.eq(step_no),
                job_steps::organisation_id.eq(&row.organisation_id),
                job_steps::phase.eq(phase_behind(row, step.phase).0),
                job_steps::kind.eq(step.kind.name()),
                job_steps::collection.eq(step.collection.as_deref()),
                job_steps::part_no.eq(step.part_no),
                job_steps::state.eq("waiting"),
                job_steps::rows_planned.eq(step.rows_planned),
            )
        })
        .collect();
    for chunk in steps.chunks(1_000) {
        diesel::insert_into(job_steps::table).values(chunk).execute(conn).await?;
    }
    scope::keep(conn, row, &plan.scopes).await?;
    let progress: Vec<_> = (0_i32..)
        .zip(&plan.sizes)
        .map(|(position, size)| {
            (
                job_progress::job_id.eq(row.job_id),
                job_progress::organisation_id.eq(&row.organisation_id),
                job_progress::collection.eq(&size.collection),
                job_progress::position.eq(position),
                job_progress::rows_planned.eq(size.rows),
            )
        })
        .collect();
    let more =
        job_progress::rows_planned.eq(job_progress::rows_planned + excluded(job_progress::rows_planned));
    for chunk in progress.chunks(1_000) {
        diesel::insert_into(job_progress::table)
            .values(chunk)
            .on_conflict((job_progress::job_id, job_progress::collection))
            .do_update()
            .set(more)
            .execute(conn)
            .await?;
    }
    Ok(())
}
