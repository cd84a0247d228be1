//! A job as often as somebody watches it: what moves, and no more than that.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use contracts::http::{JobSummary, Progress, TimelineEntry};
use contracts::{AuditEvent, Message, decode};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId};
use uuid::Uuid;

use super::read::{entry_of, progress, summary};
use crate::error::StoreError;
use crate::pool::{Store, act_for};
use crate::rows::JobRow;
use crate::schema::{audit_logs, outbox, privacy_jobs};

/// What moves while a job is at work.
#[derive(Debug, Clone)]
pub struct JobGlance {
    /// State and version.
    pub summary: JobSummary,
    /// Rows and bytes.
    pub progress: Progress,
    /// The audited changes behind the version that was asked for, by version and without a gap.
    pub changes: Vec<TimelineEntry>,
}

impl Store {
    /// What moves of a job, with its changes behind version `after`; `None` when the organisation
    /// has no such job.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn job_glance(
        &self,
        organisation: &OrganisationId,
        id: JobId,
        after: i64,
    ) -> Result<Option<JobGlance>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            act_for(conn, organisation).await?;
            let row: Option<JobRow> = privacy_jobs::table
                .find(id.0)
                .filter(privacy_jobs::organisation_id.eq(organisation.as_str()))
                .select(JobRow::as_select())
                .first(conn)
                .await
                .optional()?;
            let Some(row) = row else {
                return Ok(None);
            };
            let changes = if row.version > after { changes(conn, row.id, after).await? } else { Vec::new() };
            let (summary, progress) = (summary(&row)?, progress(conn, row.id).await?);
            Ok(Some(JobGlance { summary, progress, changes }))
        })
        .await
    }
}

type LoggedChange = (Option<i64>, String, String, Option<i32>, String, DateTime<Utc>);

/// The changes behind `after`, up to the first that cannot be read yet.
///
/// Events move from the outbox to the log, and each statement sees its own moment. Read in this
/// order, one that moves in between is seen twice rather than not at all.
async fn changes(
    conn: &mut AsyncPgConnection,
    job: Uuid,
    after: i64,
) -> Result<Vec<TimelineEntry>, StoreError> {
    let under_way: Vec<Vec<u8>> = outbox::table
        .filter(outbox::job_id.eq(job))
        .filter(outbox::kind.eq(AuditEvent::KIND))
        .filter(outbox::job_version.gt(after))
        .select(outbox::body)
        .load(conn)
        .await?;
    let logged: Vec<LoggedChange> = audit_logs::table
        .filter(audit_logs::job_id.eq(job))
        .filter(audit_logs::job_version.gt(after))
        .select((
            audit_logs::job_version,
            audit_logs::action,
            audit_logs::outcome,
            audit_logs::step_no,
            audit_logs::actor,
            audit_logs::occurred_at,
        ))
        .load(conn)
        .await?;
    let under_way = under_way.iter().filter_map(|body| decode::<AuditEvent>(body).ok());
    let logged = logged.into_iter().map(|(version, action, outcome, step_no, actor, occurred_at)| {
        TimelineEntry { version, action, outcome, step_no, actor, occurred_at }
    });
    Ok(without_gap(under_way.map(|event| entry_of(event.body)).chain(logged), after))
}

/// Each version once, in order, as long as none is missing.
fn without_gap(entries: impl Iterator<Item = TimelineEntry>, after: i64) -> Vec<TimelineEntry> {
    let known: BTreeMap<i64, TimelineEntry> =
        entries.filter_map(|entry| Some((entry.version?, entry))).collect();
    let expected = (0_i64..).map(|number| after.saturating_add(1).saturating_add(number));
    known
        .into_iter()
        .zip(expected)
        .take_while(|((version, _), expected)| version == expected)
        .map(|((_, entry), _)| entry)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(version: Option<i64>) -> TimelineEntry {
        TimelineEntry {
            version,
            action: "job.started".to_owned(),
            outcome: "success".to_owned(),
            step_no: None,
            actor: "w".to_owned(),
            occurred_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn changes_come_in_order_once_and_never_over_a_gap() {
        let versions = |given: &[Option<i64>], after| -> Vec<i64> {
            let entries = given.iter().map(|version| entry(*version));
            without_gap(entries, after).into_iter().filter_map(|entry| entry.version).collect()
        };
        assert_eq!(versions(&[Some(3), Some(1), None, Some(2), Some(1)], 0), [1, 2, 3]);
        assert_eq!(versions(&[Some(5), Some(4), Some(7)], 3), [4, 5]);
        assert_eq!(versions(&[Some(2)], 0), Vec::<i64>::new());
        assert_eq!(versions(&[], 9), Vec::<i64>::new());
    }
}
