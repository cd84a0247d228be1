//! Which tokens a step has revoked, sealed: nothing here can open it.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::id::{JobId, StepNo};

use crate::error::StoreError;
use crate::pool::Store;
use crate::schema::revoked_tokens;

impl Store {
    /// Keeps which tokens a step has revoked on one page of rows. There is no fence: a revoked token stays
    /// revoked, whoever holds the step by now. Each claim numbers its pages from 1.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or the step's scope has gone with its job.
    pub async fn keep_revoked(
        &self,
        (job, step, epoch): (JobId, StepNo, i64),
        page: i32,
        sealed: &[u8],
    ) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        diesel::insert_into(revoked_tokens::table)
            .values((
                revoked_tokens::job_id.eq(job.0),
                revoked_tokens::step_no.eq(step.0),
                revoked_tokens::epoch.eq(epoch),
                revoked_tokens::page.eq(page),
                revoked_tokens::sealed.eq(sealed),
            ))
            .execute(&mut conn)
            .await?;
        Ok(())
    }

    /// What all attempts of a step have kept so.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or refuses: only the erasure worker may ask.
    pub async fn revoked(&self, job: JobId, step: StepNo) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut conn = self.conn().await?;
        let pages = revoked_tokens::table
            .filter(revoked_tokens::job_id.eq(job.0))
            .filter(revoked_tokens::step_no.eq(step.0))
            .order((revoked_tokens::epoch, revoked_tokens::page))
            .select(revoked_tokens::sealed)
            .load(&mut conn)
            .await?;
        Ok(pages)
    }
}
