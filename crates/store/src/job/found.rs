//! What the look at the end of an erasure found, as its step wrote it down.

use contracts::http::FoundView;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::erasure::document::VerifyResult;
use domain::job::StepKind;
use uuid::Uuid;

use crate::error::StoreError;
use crate::schema::job_steps;

/// What the last look found; `None` where none has ended, or where its owner had it passed over.
pub(super) async fn found(conn: &mut AsyncPgConnection, job: Uuid) -> Result<Option<FoundView>, StoreError> {
    let result: Option<Option<serde_json::Value>> = job_steps::table
        .filter(job_steps::job_id.eq(job))
        .filter(job_steps::kind.eq(StepKind::VerifyErasure.name()))
        .filter(job_steps::state.eq("completed"))
        .order(job_steps::step_no.desc())
        .select(job_steps::result)
        .first(conn)
        .await
        .optional()?;
    let read = |result| serde_json::from_value::<VerifyResult>(result).ok();
    Ok(result.flatten().and_then(read).map(FoundView::from))
}
