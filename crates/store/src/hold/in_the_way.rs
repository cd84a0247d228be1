//! Erasures that may be in a batch which has not read the latest holds.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{AsyncConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId};
use domain::job::JobKind;
use uuid::Uuid;

use crate::error::StoreError;
use crate::pool::{Store, act_for};
use crate::schema::privacy_jobs;

/// An erasure reads its holds after it has begun, so one that waits for its time is in nobody's way; neither
/// is a dry run, which erases nothing. A worker that has lost a step may still be in a transaction of it for
/// a while: a job that failed or was called off counts until that is over.
const MAY_ERASE: &str = "\
NOT coalesce((request ->> 'dry_run')::boolean, false) AND CASE
    WHEN state IN ('completed', 'scheduled', 'awaiting_approval') THEN false
    WHEN state IN ('failed', 'cancelled', 'expired') THEN updated_at > clock_timestamp() - interval '5 minutes'
    ELSE true END";

impl Store {
    /// The erasures of the organisation that may touch rows at this moment, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn erasures_in_the_way(&self, organisation: &OrganisationId) -> Result<Vec<JobId>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            act_for(conn, organisation).await?;
            let jobs: Vec<Uuid> = privacy_jobs::table
                .filter(privacy_jobs::organisation_id.eq(organisation.as_str()))
                .filter(privacy_jobs::kind.eq(JobKind::Erasure.name()))
                .filter(sql::<Bool>(MAY_ERASE))
                .order((privacy_jobs::created_at, privacy_jobs::id))
                .select(privacy_jobs::id)
                .load(conn)
                .await?;
            Ok(jobs.into_iter().map(JobId).collect())
        })
        .await
    }
}
