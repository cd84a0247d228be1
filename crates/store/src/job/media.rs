//! What became of the media of a job, as its steps wrote it down.

use contracts::http::MediaView;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::erasure::document::MediaResult;
use domain::job::StepKind;
use uuid::Uuid;

use crate::error::StoreError;
use crate::schema::job_steps;

/// The counts of each step over media that is done.
pub(super) async fn media(conn: &mut AsyncPgConnection, job: Uuid) -> Result<Vec<MediaView>, StoreError> {
    let rows: Vec<(i32, Option<String>, Option<serde_json::Value>)> = job_steps::table
        .filter(job_steps::job_id.eq(job))
        .filter(job_steps::kind.eq(StepKind::DeleteMedia.name()))
        .filter(job_steps::state.eq("completed"))
        .order(job_steps::step_no)
        .select((job_steps::step_no, job_steps::collection, job_steps::result))
        .load(conn)
        .await?;
    let view = |(step_no, collection, result): (i32, Option<String>, Option<serde_json::Value>)| {
        let result: MediaResult = serde_json::from_value(result?).ok()?;
        Some(MediaView { step_no, collection: collection.unwrap_or_default(), counts: result.into() })
    };
    Ok(rows.into_iter().filter_map(view).collect())
}
