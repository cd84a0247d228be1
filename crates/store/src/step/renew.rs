//! Holding on to a step, and saying how far it is.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, StepNo};
use domain::job::{Policy, StepCommand};
use uuid::Uuid;

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
            let changed = diesel::update(job_steps::table.find((row.job_id, row.step_no)))
                .filter(job_steps::epoch.eq(epoch))
                .set(StepStateColumns::new(&state, row.attempts))
                .execute(conn)
                .await?;
            exactly_one(changed, "step")?;
            write_amounts(conn, job_id.0, amounts).await?;
            Ok(true)
        })
        .await
    }
}

/// Records how far collections are. Only called under a fence that held.
pub(super) async fn write_amounts(
    conn: &mut AsyncPgConnection,
    job: Uuid,
    amounts: &[CollectionAmount],
) -> Result<(), StoreError> {
    let now = clock::now(conn).await?;
    for amount in amounts {
        diesel::update(job_progress::table.find((job, &amount.collection)))
            .set((
                job_progress::rows_done.eq(amount.rows),
                job_progress::bytes_done.eq(amount.bytes),
                job_progress::updated_at.eq(now),
            ))
            .execute(conn)
            .await?;
    }
    Ok(())
}
