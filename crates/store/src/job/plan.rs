//! The plan of an erasure, as its owner looks at it.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId};
use domain::job::StepKind;

use crate::error::StoreError;
use crate::pool::{Store, act_for};
use crate::schema::{job_steps, privacy_jobs};

/// A plan as it was written down when a job was planned.
#[derive(Debug, Clone, PartialEq)]
pub struct JobPlan {
    /// What an erasure will do, in the words of `domain::erasure::document`.
    pub document: serde_json::Value,
    /// Of which pass it is, from 1 on.
    pub pass: i32,
}

impl Store {
    /// The plan of the organisation's job: that of its last pass that was planned. The outer `None` means that there is no
    /// such job, the inner that it has not been planned, or is no erasure.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn job_plan(
        &self,
        organisation: &OrganisationId,
        id: JobId,
    ) -> Result<Option<Option<JobPlan>>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            act_for(conn, organisation).await?;
            let found: i64 = privacy_jobs::table
                .find(id.0)
                .filter(privacy_jobs::organisation_id.eq(organisation.as_str()))
                .count()
                .get_result(conn)
                .await?;
            if found == 0 {
                return Ok(None);
            }
            let plans: Vec<Option<serde_json::Value>> = job_steps::table
                .filter(job_steps::job_id.eq(id.0))
                .filter(job_steps::kind.eq(StepKind::PlanErasure.name()))
                .filter(job_steps::state.eq("completed"))
                .order(job_steps::step_no)
                .select(job_steps::result)
                .load(conn)
                .await?;
            let pass = i32::try_from(plans.len()).unwrap_or(i32::MAX);
            let latest = plans.into_iter().next_back().flatten();
            Ok(Some(latest.map(|document| JobPlan { document, pass })))
        })
        .await
    }
}
