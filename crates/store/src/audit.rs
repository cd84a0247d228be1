//! The audit log: appended by one writer, numbered without gaps, each event once.

mod append;

use chrono::{DateTime, Utc};
use contracts::http::{AuditEntry, JobAboutView};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use domain::id::OrganisationId;
use domain::job::JobAbout;
use uuid::Uuid;

pub use append::Appended;

use crate::error::StoreError;
use crate::pool::{Store, act_for};
use crate::schema::audit_logs;

/// Which entries a page of the log shows, newest first.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only entries about this job.
    pub job: Option<Uuid>,
    /// Only this action.
    pub action: Option<String>,
    /// Only entries before this number: where a page begins.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

impl Store {
    /// A page of the organisation's part of the log, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn audit_entries(
        &self,
        organisation: &OrganisationId,
        filter: &AuditFilter,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            act_for(conn, organisation).await?;
            let mut query = audit_logs::table
                .filter(audit_logs::organisation_id.eq(organisation.as_str()))
                .order(audit_logs::seq.desc())
                .limit(filter.limit)
                .select(EntryRow::as_select())
                .into_boxed();
            if let Some(job) = filter.job {
                query = query.filter(audit_logs::job_id.eq(job));
            }
            if let Some(action) = &filter.action {
                query = query.filter(audit_logs::action.eq(action.clone()));
            }
            if let Some(before) = filter.before {
                query = query.filter(audit_logs::seq.lt(before));
            }
            Ok(query.load(conn).await?.into_iter().map(AuditEntry::from).collect())
        })
        .await
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_logs)]
struct EntryRow {
    seq: i64,
    event_id: Uuid,
    actor: String,
    actor_role: String,
    action: String,
    outcome: String,
    job_id: Option<Uuid>,
    job_version: Option<i64>,
    step_no: Option<i32>,
    trace_id: Option<String>,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    reason: Option<String>,
    hold_id: Option<Uuid>,
    rows: Option<i64>,
    media: Option<serde_json::Value>,
    about: Option<serde_json::Value>,
}

impl From<EntryRow> for AuditEntry {
    fn from(row: EntryRow) -> Self {
        Self {
            seq: row.seq,
            event_id: row.event_id,
            action: row.action,
            outcome: row.outcome,
            actor: row.actor,
            actor_role: row.actor_role,
            job_id: row.job_id,
            job_version: row.job_version,
            step_no: row.step_no,
            trace_id: row.trace_id,
            occurred_at: row.occurred_at,
            recorded_at: row.recorded_at,
            reason: row.reason,
            hold_id: row.hold_id,
            rows: row.rows,
            media: row.media.and_then(|media| serde_json::from_value(media).ok()),
            about: row
                .about
                .and_then(|about| serde_json::from_value::<JobAbout>(about).ok())
                .map(JobAboutView::from),
        }
    }
}
