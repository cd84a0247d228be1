//! What an export holds and lacks, as its last step wrote it down.

use contracts::http::ExportedView;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::export::ExportResult;
use domain::job::StepKind;
use uuid::Uuid;

use crate::error::StoreError;
use crate::schema::job_steps;

/// The numbers of a finished export; `None` for other jobs, and for exports of earlier versions.
pub(super) async fn exported(
    conn: &mut AsyncPgConnection,
    job: Uuid,
) -> Result<Option<ExportedView>, StoreError> {
    let last = [StepKind::ExportWhole.name(), StepKind::AssembleArchive.name()];
    let result: Option<Option<serde_json::Value>> = job_steps::table
        .filter(job_steps::job_id.eq(job))
        .filter(job_steps::kind.eq_any(last))
        .filter(job_steps::state.eq("completed"))
        .select(job_steps::result)
        .first(conn)
        .await
        .optional()?;
    let read = |result| serde_json::from_value::<ExportResult>(result).ok();
    Ok(result.flatten().and_then(read).map(ExportedView::from))
}
