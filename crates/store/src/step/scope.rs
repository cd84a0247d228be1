//! What steps may touch, sealed: nothing here can open it.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId, StepNo};

use crate::error::StoreError;
use crate::pool::Store;
use crate::rows::StepRow;
use crate::schema::step_scopes;

/// The scope of one step, if planning has left one.
pub(super) async fn of_step(
    conn: &mut AsyncPgConnection,
    (job, step): (JobId, StepNo),
) -> Result<Option<Vec<u8>>, StoreError> {
    let sealed = step_scopes::table.find((job.0, step.0)).select(step_scopes::sealed).first(conn).await;
    Ok(sealed.optional()?)
}

/// Keeps the scopes of the steps that `planning` wrote down behind itself.
pub(super) async fn keep(
    conn: &mut AsyncPgConnection,
    planning: &StepRow,
    scopes: &[(usize, Vec<u8>)],
) -> Result<(), StoreError> {
    let step_no = |place: &usize| {
        let behind = i32::try_from(*place).unwrap_or(i32::MAX);
        planning.step_no.saturating_add(1).saturating_add(behind)
    };
    for chunk in scopes.chunks(1_000) {
        let rows: Vec<_> = chunk
            .iter()
            .map(|(place, sealed)| {
                (
                    step_scopes::job_id.eq(planning.job_id),
                    step_scopes::step_no.eq(step_no(place)),
                    step_scopes::organisation_id.eq(&planning.organisation_id),
                    step_scopes::sealed.eq(sealed),
                )
            })
            .collect();
        diesel::insert_into(step_scopes::table).values(rows).execute(conn).await?;
    }
    Ok(())
}

impl Store {
    /// The scopes of an organisation's job, by step, as far as they are kept: what a run after a hold's
    /// release begins with.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or refuses: only the erasure worker may ask.
    pub async fn scopes_of(
        &self,
        organisation: &OrganisationId,
        job: JobId,
    ) -> Result<Vec<(StepNo, Vec<u8>)>, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<(i32, Vec<u8>)> = step_scopes::table
            .filter(step_scopes::job_id.eq(job.0))
            .filter(step_scopes::organisation_id.eq(organisation.as_str()))
            .order(step_scopes::step_no)
            .select((step_scopes::step_no, step_scopes::sealed))
            .load(&mut conn)
            .await?;
        Ok(rows.into_iter().map(|(step, sealed)| (StepNo(step), sealed)).collect())
    }
}
