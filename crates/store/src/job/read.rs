//! Jobs as the API shows them: rows read straight into the published views.

use chrono::{DateTime, Utc};
use contracts::http::{
    CollectionProgress, JobSummary, JobView, PackageView, Progress, RetainedView, TimelineEntry,
};
use contracts::{AuditEvent, Message, decode};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId};
use uuid::Uuid;

use super::exported::exported;
use super::found::found;
use super::insert::WrittenJob;
use super::media::media;
use super::messages::messages_wait;
use super::outlives::outlives;
use super::steps::{failure, views, waits_for};
use crate::error::StoreError;
use crate::package::PackageRow;
use crate::pool::{Store, act_for};
use crate::rows::{JobRow, StepRow};
use crate::schema::{
    audit_logs, job_progress, job_retained, job_steps, legal_holds, outbox, packages, privacy_jobs,
};

/// Which jobs a list shows, newest first.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Only jobs in this state.
    pub state: Option<String>,
    /// Only jobs of this kind.
    pub kind: Option<String>,
    /// Only jobs older than this one: where a page begins.
    pub before: Option<(DateTime<Utc>, Uuid)>,
    /// At most so many.
    pub limit: i64,
}

impl Store {
    /// The organisation's jobs, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn jobs(
        &self,
        organisation: &OrganisationId,
        filter: &JobFilter,
    ) -> Result<Vec<JobSummary>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            act_for(conn, organisation).await?;
            let mut query = privacy_jobs::table
                .filter(privacy_jobs::organisation_id.eq(organisation.as_str()))
                .order((privacy_jobs::created_at.desc(), privacy_jobs::id.desc()))
                .limit(filter.limit)
                .select(JobRow::as_select())
                .into_boxed();
            if let Some(state) = &filter.state {
                query = query.filter(privacy_jobs::state.eq(state.clone()));
            }
            if let Some(kind) = &filter.kind {
                query = query.filter(privacy_jobs::kind.eq(kind.clone()));
            }
            if let Some((at, id)) = filter.before {
                query = query.filter(
                    privacy_jobs::created_at
                        .lt(at)
                        .or(privacy_jobs::created_at.eq(at).and(privacy_jobs::id.lt(id))),
                );
            }
            query.load(conn).await?.iter().map(summary).collect()
        })
        .await
    }

    /// One job of the organisation with progress, steps and history; `None` when it has no such job.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn job_view(
        &self,
        organisation: &OrganisationId,
        id: JobId,
    ) -> Result<Option<JobView>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            act_for(conn, organisation).await?;
            view_of(conn, organisation, id).await
        })
        .await
    }
}

pub(super) fn summary(row: &JobRow) -> Result<JobSummary, StoreError> {
    Ok(JobSummary {
        id: row.id,
        kind: row.kind.clone(),
        state: row.state.clone(),
        status: row.facts()?.public_status().into(),
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
        ended_at: row.ended_at,
        not_before: (row.state == "scheduled").then_some(row.not_before),
        outcome: row.outcome.clone().filter(|_| row.state == "completed"),
        about: Some(row.about()?.into()),
    })
}

/// The job in a transaction that acts for its organisation.
pub(super) async fn view_of(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    id: JobId,
) -> Result<Option<JobView>, StoreError> {
    let row: Option<JobRow> = privacy_jobs::table
        .find(id.0)
        .filter(privacy_jobs::organisation_id.eq(organisation.as_str()))
        .select(JobRow::as_select())
        .first(conn)
        .await
        .optional()?;
    match row {
        None => Ok(None),
        Some(row) => view(conn, row).await.map(Some),
    }
}

/// A job that was just written down: it has steps and a beginning, and nothing else yet.
pub(super) fn view_of_new(written: WrittenJob) -> Result<JobView, StoreError> {
    let WrittenJob { row, steps, created } = written;
    Ok(JobView {
        summary: summary(&row)?,
        cutoff: row.cutoff,
        failure: None,
        waits_for: None,
        messages_wait: None,
        progress: Progress { rows_done: 0, rows_planned: 0, bytes_done: 0, collections: Vec::new() },
        steps: views(steps)?,
        timeline: vec![entry_of(created)],
        retained: Vec::new(),
        media: Vec::new(),
        found: None,
        exported: None,
        outlived_by: Vec::new(),
        package: None,
        packages: Vec::new(),
        swept: false,
        links: std::collections::BTreeMap::new(),
        request: row.request,
    })
}

async fn view(conn: &mut AsyncPgConnection, row: JobRow) -> Result<JobView, StoreError> {
    let steps: Vec<StepRow> = job_steps::table
        .filter(job_steps::job_id.eq(row.id))
        .order(job_steps::step_no)
        .select(StepRow::as_select())
        .load(conn)
        .await?;
    let packages: Vec<PackageRow> = packages::table
        .filter(packages::job_id.eq(row.id))
        .order(packages::volume_no)
        .select(PackageRow::as_select())
        .load(conn)
        .await?;
    let packages: Vec<PackageView> = packages.into_iter().map(PackageView::from).collect();
    let steps = views(steps)?;
    Ok(JobView {
        summary: summary(&row)?,
        cutoff: row.cutoff,
        waits_for: waits_for(&row, &steps),
        messages_wait: messages_wait(conn, row.id).await?,
        failure: failure(&row.failure_code, &row.failure_detail),
        progress: progress(conn, row.id).await?,
        steps,
        timeline: timeline(conn, row.id).await?,
        retained: retained(conn, row.id).await?,
        media: media(conn, row.id).await?,
        found: found(conn, row.id).await?,
        exported: exported(conn, row.id).await?,
        outlived_by: outlives(conn, &row).await?,
        package: packages.as_slice().first().cloned(),
        packages,
        swept: crate::folder::is_swept(row.sweeps_done),
        links: std::collections::BTreeMap::new(),
        request: row.request,
    })
}

async fn retained(conn: &mut AsyncPgConnection, job: Uuid) -> Result<Vec<RetainedView>, StoreError> {
    let rows: Vec<(Uuid, String, String, i64, Option<Uuid>)> = job_retained::table
        .inner_join(legal_holds::table.on(legal_holds::id.eq(job_retained::hold_id)))
        .filter(job_retained::job_id.eq(job))
        .order((job_retained::collection, job_retained::hold_id))
        .select((
            job_retained::hold_id,
            legal_holds::ground,
            job_retained::collection,
            job_retained::rows,
            job_retained::erased_by,
        ))
        .load(conn)
        .await?;
    let view = |(hold, ground, collection, rows, erased_by)| RetainedView {
        hold,
        ground,
        collection,
        rows,
        erased_by,
    };
    Ok(rows.into_iter().map(view).collect())
}

pub(super) async fn progress(conn: &mut AsyncPgConnection, job: Uuid) -> Result<Progress, StoreError> {
    let rows: Vec<(String, i64, i64, i64)> = job_progress::table
        .filter(job_progress::job_id.eq(job))
        .order((job_progress::position, job_progress::collection))
        .select((
            job_progress::collection,
            job_progress::rows_done,
            job_progress::rows_planned,
            job_progress::bytes_done,
        ))
        .load(conn)
        .await?;
    // A plan may be an estimate until its rows are read; nobody is ever shown more done than planned.
    let collections: Vec<CollectionProgress> = rows
        .into_iter()
        .map(|(collection, rows_done, rows_planned, bytes_done)| CollectionProgress {
            collection,
            rows_done,
            rows_planned: rows_planned.max(rows_done),
            bytes_done,
        })
        .collect();
    let sum = |of: fn(&CollectionProgress) -> i64| collections.iter().map(of).fold(0, i64::saturating_add);
    Ok(Progress {
        rows_done: sum(|of| of.rows_done),
        rows_planned: sum(|of| of.rows_planned),
        bytes_done: sum(|of| of.bytes_done),
        collections,
    })
}

type TimelineRow = (Option<i64>, String, String, Option<i32>, String, DateTime<Utc>);

/// The job's history: what the audit log holds, and what is still on its way there.
async fn timeline(conn: &mut AsyncPgConnection, job: Uuid) -> Result<Vec<TimelineEntry>, StoreError> {
    let logged: Vec<TimelineRow> = audit_logs::table
        .filter(audit_logs::job_id.eq(job))
        .order(audit_logs::seq)
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
    let under_way: Vec<Vec<u8>> = outbox::table
        .filter(outbox::job_id.eq(job))
        .filter(outbox::kind.eq(AuditEvent::KIND))
        .filter(diesel::dsl::not(diesel::dsl::exists(
            audit_logs::table.filter(audit_logs::event_id.eq(outbox::event_id)),
        )))
        .order(outbox::seq)
        .select(outbox::body)
        .load(conn)
        .await?;
    let under_way =
        under_way.iter().filter_map(|body| decode::<AuditEvent>(body).ok()).map(|event| event.body);
    let mut entries: Vec<TimelineEntry> =
        logged.into_iter().map(logged_entry).chain(under_way.map(entry_of)).collect();
    entries.sort_by_key(|entry| (entry.occurred_at, entry.version.unwrap_or(i64::MAX)));
    Ok(entries)
}

fn logged_entry((version, action, outcome, step_no, actor, occurred_at): TimelineRow) -> TimelineEntry {
    TimelineEntry { version, action, outcome, step_no, actor, occurred_at }
}

pub(super) fn entry_of(event: AuditEvent) -> TimelineEntry {
    TimelineEntry {
        version: event.job_version,
        action: event.action.name().to_owned(),
        outcome: event.outcome_name().to_owned(),
        step_no: event.step_no.map(|no| no.0),
        actor: event.actor,
        occurred_at: event.occurred_at,
    }
}
