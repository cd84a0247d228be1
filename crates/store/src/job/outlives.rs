//! Packages that outlive an erasure: what was erased may still be in them, until they end.

use chrono::{DateTime, Utc};
use contracts::http::LivePackageView;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::erasure::{ErasureRequest, SubjectRef};
use domain::export::ExportRequest;
use domain::job::JobKind;
use uuid::Uuid;

use crate::error::StoreError;
use crate::rows::JobRow;
use crate::schema::{packages, privacy_jobs};

/// More packages than an organisation has within the life of one are not named.
const MOST: i64 = 100;

type Package = (Uuid, DateTime<Utc>, DateTime<Utc>, serde_json::Value);

/// The packages, one of each job, that were made before the erasure ended, can be had now, and may hold what
/// it erased; none for other jobs, and for erasures that have not ended or erased nothing.
pub(super) async fn outlives(
    conn: &mut AsyncPgConnection,
    row: &JobRow,
) -> Result<Vec<LivePackageView>, StoreError> {
    let Some(ended_at) = row.ended_at.filter(|_| erases(row)) else {
        return Ok(Vec::new());
    };
    let found: Vec<Package> = packages::table
        .inner_join(privacy_jobs::table.on(privacy_jobs::id.eq(packages::job_id)))
        .filter(packages::organisation_id.eq(&row.organisation_id))
        .filter(privacy_jobs::state.eq("completed"))
        .filter(packages::volume_no.eq(1))
        .filter(packages::created_at.lt(ended_at))
        .filter(packages::expires_at.gt(crate::functions::clock_timestamp()))
        .order((packages::expires_at, packages::job_id))
        .limit(MOST)
        .select((packages::job_id, packages::created_at, packages::expires_at, privacy_jobs::request))
        .load(conn)
        .await?;
    let erased = subject_of_erasure(&row.request);
    let view = |(job, created_at, expires_at, request): Package| {
        may_hold(erased.as_ref(), &request).then_some(LivePackageView { job, created_at, expires_at })
    };
    Ok(found.into_iter().filter_map(view).collect())
}

fn erases(row: &JobRow) -> bool {
    let is_dry = row.request.get("dry_run").is_some_and(|dry| dry == true);
    row.kind == JobKind::Erasure.name() && row.state == "completed" && !is_dry
}

fn subject_of_erasure(request: &serde_json::Value) -> Option<SubjectRef> {
    serde_json::from_value::<ErasureRequest>(request.clone()).ok()?.subject
}

/// Whether an export may hold what was erased. Only of two persons that were found by the same kind of
/// identity is it known that they are not the same.
fn may_hold(erased: Option<&SubjectRef>, export: &serde_json::Value) -> bool {
    let exported =
        serde_json::from_value::<ExportRequest>(export.clone()).ok().and_then(|export| export.subject);
    match (erased, exported) {
        (Some(erased), Some(exported)) => {
            erased.identity_type != exported.identity_type || erased.tag == exported.tag
        }
        (None, _) | (_, None) => true,
    }
}
