//! Holding on to a step, and saying how far it is.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, StepNo};
use domain::job::{Policy, StepCommand};

use super::CollectionAmount;
use crate::clock;
use crate::error::StoreError;
use crate::job::write::exactly_one;
use crate::pool::Store;
use crate::rows::{StepRow, StepStateColumns};
use crate::schema::{job_progress, job_steps};

impl Store {
    /// Renews the lease of a step and records progress. `false` when the step is lost: stop.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; the lease runs on as it was then.
    pub async fn renew_step(
        &self,
        (job_id, step_no, epoch): (JobId, StepNo, i64),
        lease: Duration,
        amounts: &[CollectionAmount],
    ) -> Result<bool, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let row: Option<StepRow> = job_steps::table
                .find((job_id.0, step_no.0))
                .select(StepRow::as_select())
                .for_update()
                .first(conn)
                .await
                .optional()?;
            let Some(row) = row else { return Ok(false) };
            let now = clock::now(conn).await?;
            let renew = StepCommand::Renew { epoch, until: now + lease };
            let Ok(state) = row.state()?.apply(&renew, now, &Policy::default()) else {
                return Ok(false);
            };
            // One statement: a row that is updated twice in a transaction has its foreign key
            // checked anew, which locks the job behind the step, and everybody else locks it before.
            let (rows_done, bytes_done) = own_amount(&row, amounts);
            let changed = diesel::update(job_steps::table.find((row.job_id, row.step_no)))
                .filter(job_steps::epoch.eq(epoch))
                .set((
                    StepStateColumns::new(&state, row.attempts),
                    job_steps::rows_done.eq(rows_done),
                    job_steps::bytes_done.eq(bytes_done),
                ))
                .execute(conn)
                .await?;
            exactly_one(changed, "step")?;
            write_amounts(conn, &row, amounts).await?;
            Ok(true)
        })
        .await
    }
}

/// How far the step says it is with its own collection; as before when it does not say.
pub(super) fn own_amount(row: &StepRow, amounts: &[CollectionAmount]) -> (i64, i64) {
    let own = amounts.iter().find(|amount| row.collection.as_ref() == Some(&amount.collection));
    own.map_or((row.rows_done, row.bytes_done), |amount| (amount.rows, amount.bytes))
}

/// Records how far collections are. Only called under a fence that held, with the step's row locked.
///
/// Several steps may work on one collection (key ranges, media), so a step over one collection adds
/// what it has done since its last report, which `row` has; begun anew, it takes back what its last
/// attempt had reported. A step over all of them is alone with each and says how far it is. The
/// caller keeps [`own_amount`] in the step's row.
pub(super) async fn write_amounts(
    conn: &mut AsyncPgConnection,
    row: &StepRow,
    amounts: &[CollectionAmount],
) -> Result<(), StoreError> {
    let now = clock::now(conn).await?;
    for amount in amounts {
        let progress = diesel::update(job_progress::table.find((row.job_id, &amount.collection)));
        if row.collection.as_ref() == Some(&amount.collection) {
            let added = (
                job_progress::rows_done
                    .eq(job_progress::rows_done + (amount.rows.saturating_sub(row.rows_done))),
                job_progress::bytes_done
                    .eq(job_progress::bytes_done + (amount.bytes.saturating_sub(row.bytes_done))),
                job_progress::updated_at.eq(now),
            );
            progress.set(added).execute(conn).await?;
        } else {
            let reached = (
                job_progress::rows_done.eq(amount.rows),
                job_progress::bytes_done.eq(amount.bytes),
                job_progress::updated_at.eq(now),
            );
            progress.set(reached).execute(conn).await?;
        }
    }
    Ok(())
}

/// Once all of its rows are read, what a step found takes the place of what it was planned for: the
/// plan may be an estimate, and rows may have gone since it was made. Called once for each step, in the
/// transaction that concludes it.
pub(super) async fn put_plan_right(
    conn: &mut AsyncPgConnection,
    row: &StepRow,
    amounts: &[CollectionAmount],
) -> Result<(), StoreError> {
    if !row.kind()?.reads_rows() {
        return Ok(());
    }
    let progress = |collection: &str| job_progress::table.find((row.job_id, collection.to_owned()));
    if let Some(collection) = &row.collection {
        // It may be one of several parts, each of which was planned for its share.
        let more = own_amount(row, amounts).0.saturating_sub(row.rows_planned);
        diesel::update(progress(collection))
            .set(job_progress::rows_planned.eq(job_progress::rows_planned + more))
            .execute(conn)
            .await?;
        return Ok(());
    }
    for amount in amounts {
        diesel::update(progress(&amount.collection))
            .set(job_progress::rows_planned.eq(amount.rows))
            .execute(conn)
            .await?;
    }
    Ok(())
}
