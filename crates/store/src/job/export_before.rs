//! The export that has to be complete before an erasure: off-boarding is "export first, then erase".

use diesel::dsl::{self, sql};
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId};
use domain::job::JobKind;

use super::create::CreateError;
use crate::error::StoreError;
use crate::functions;
use crate::pool::Store;
use crate::schema::privacy_jobs;

impl Store {
    /// The state of the export that has to be complete before this erasure; `None` when it names none,
    /// or one that its organisation does not have.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn state_of_export_before(&self, erasure: JobId) -> Result<Option<String>, StoreError> {
        let mut conn = self.conn().await?;
        let state = dsl::select(functions::state_of_export_before(erasure.0));
        Ok(state.get_result(&mut conn).await?)
    }
}

/// Refuses an export that no erasure can wait for: one that the organisation does not have, one of a
/// single person, one that ended without its package.
pub(super) async fn must_be_to_come(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    export: JobId,
) -> Result<(), CreateError> {
    let state: Option<String> = privacy_jobs::table
        .find(export.0)
        .filter(privacy_jobs::organisation_id.eq(organisation.as_str()))
        .filter(privacy_jobs::kind.eq(JobKind::Export.name()))
        .filter(sql::<Bool>("NOT request ? 'subject'"))
        .select(privacy_jobs::state)
        .first(conn)
        .await
        .optional()?;
    match state.as_deref() {
        None => Err(CreateError::NoExportBefore),
        Some("failed" | "cancelled") => Err(CreateError::ExportEnded(state.unwrap_or_default())),
        Some(_) => Ok(()),
    }
}

/// Whether no export is under way that the job at hand waits for. How it ended is for the erasure-worker to
/// see, at the moment at which that counts. A subquery for one value is always looked up by the primary key;
/// for `NOT EXISTS` all jobs may be read.
pub(crate) fn none_is_waited_for() -> SqlLiteral<Bool> {
    sql("coalesce((SELECT x.ended_at IS NOT NULL FROM privacy_jobs x \
         WHERE x.id = (privacy_jobs.request ->> 'after_export')::uuid), true)")
}
