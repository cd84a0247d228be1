//! Packages that outlive an erasure: what was erased may still be in them, until they end.

use chrono::{DateTime, Utc};
use contracts::http::LivePackageView;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::job::JobKind;
use uuid::Uuid;

use crate::error::StoreError;
use crate::rows::JobRow;
use crate::schema::{packages, privacy_jobs};

/// More packages than an organisation has within the life of one are not named.
const MOST: i64 = 100;

type Package = (Uuid, DateTime<Utc>, DateTime<Utc>);

/// The packages, one of each job, of rows that were read before the erasure ended, which can be had now and may hold
/// what it erased. Those of other persons are among them: one person can be found by several identities. None for other jobs, and for erasures that have not ended or erased nothing.
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
        .filter(privacy_jobs::cutoff.lt(ended_at))
        .filter(packages::expires_at.gt(crate::functions::clock_timestamp()))
        .order((packages::expires_at, packages::job_id))
        .limit(MOST)
        .select((packages::job_id, packages::created_at, packages::expires_at))
        .load(conn)
        .await?;
    let view = |(job, created_at, expires_at)| LivePackageView { job, created_at, expires_at };
    Ok(found.into_iter().map(view).collect())
}

fn erases(row: &JobRow) -> bool {
    let is_dry = row.request.get("dry_run").is_some_and(|dry| dry == true);
    row.kind == JobKind::Erasure.name() && row.state == "completed" && row.outcome.is_none() && !is_dry
}
