//! The audit log: appended by one writer, numbered without gaps, each event once.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use contracts::http::{AuditEntry, JobAboutView};
use contracts::{AuditEvent, Envelope};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::id::OrganisationId;
use domain::job::{JobAbout, SkipReason};
use uuid::Uuid;

use crate::error::StoreError;
use crate::pool::{Store, act_for};
use crate::schema::{audit_head, audit_logs};

/// An event as it was received.
#[derive(Debug, Clone)]
pub struct IncomingEvent {
    /// The decoded envelope.
    pub envelope: Envelope<AuditEvent>,
    /// The bytes it was decoded from, kept as they came.
    pub body: Vec<u8>,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in the log under this number.
    As(i64),
    /// It was there already.
    Before,
    /// Another event with the same id, or for the same version of the same job, is there: a bug or
    /// a forgery, for people to look at.
    Conflict,
}

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

#[derive(Insertable)]
#[diesel(table_name = audit_logs)]
struct NewEntry<'a> {
    seq: i64,
    event_id: Uuid,
    organisation_id: &'a str,
    actor: &'a str,
    actor_role: &'a str,
    action: &'static str,
    outcome: &'static str,
    job_id: Option<Uuid>,
    job_version: Option<i64>,
    step_no: Option<i32>,
    trace_id: Option<&'a str>,
    occurred_at: DateTime<Utc>,
    body: &'a [u8],
    reason: Option<&'static str>,
    hold_id: Option<Uuid>,
    rows: Option<i64>,
    media: Option<serde_json::Value>,
    about: Option<serde_json::Value>,
}

impl Store {
    /// Appends events that are not in the log yet; answers what became of each, in order.
    ///
    /// The lock on the head is the mutual exclusion: numbers are given out under it, after
    /// duplicates are set aside, so that none is skipped.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; nothing was appended then.
    pub async fn append_audit(&self, events: &[IncomingEvent]) -> Result<Vec<Appended>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let mut size: i64 = audit_head::table.select(audit_head::size).for_update().first(conn).await?;
            let before = size;
            let mut known = known(conn, events).await?;
            let mut rows = Vec::with_capacity(events.len());
            let mut verdicts = Vec::with_capacity(events.len());
            for event in events {
                let verdict = known.judge(event);
                if verdict.is_none() {
                    size = size.saturating_add(1);
                    rows.push(entry(size, event));
                    known.add(event);
                }
                verdicts.push(verdict.unwrap_or(Appended::As(size)));
            }
            // 18 columns a row: PostgreSQL takes at most 65,535 parameters in one statement.
            for chunk in rows.chunks(1_000) {
                diesel::insert_into(audit_logs::table).values(chunk).execute(conn).await?;
            }
            if size > before {
                diesel::update(audit_head::table).set(audit_head::size.eq(size)).execute(conn).await?;
            }
            Ok(verdicts)
        })
        .await
    }

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

fn entry(seq: i64, event: &IncomingEvent) -> NewEntry<'_> {
    let body = &event.envelope.body;
    NewEntry {
        seq,
        event_id: event.envelope.id,
        organisation_id: body.organisation_id.as_str(),
        actor: &body.actor,
        actor_role: &body.actor_role,
        action: body.action.name(),
        outcome: body.outcome_name(),
        job_id: body.job_id.map(|id| id.0),
        job_version: body.job_version,
        step_no: body.step_no.map(|no| no.0),
        trace_id: body.trace_id.as_deref(),
        occurred_at: body.occurred_at,
        body: &event.body,
        reason: body.reason.map(SkipReason::name),
        hold_id: body.hold_id,
        rows: body.rows,
        media: body.media.map(|media| serde_json::json!(media)),
        about: body.about.as_ref().map(|about| serde_json::json!(about)),
    }
}

/// The events that the log holds already, as far as a batch could repeat or contradict them, and
/// those of the batch accepted so far.
#[derive(Default)]
struct Known {
    bodies: HashMap<Uuid, Vec<u8>>,
    versions: HashSet<(Uuid, i64)>,
}

type KnownRow = (Uuid, Option<Uuid>, Option<i64>, Vec<u8>);

async fn known(conn: &mut AsyncPgConnection, events: &[IncomingEvent]) -> Result<Known, StoreError> {
    let ids: Vec<Uuid> = events.iter().map(|event| event.envelope.id).collect();
    let (jobs, versions): (Vec<Uuid>, Vec<i64>) = events.iter().filter_map(version_of).unzip();
    let same_version = audit_logs::job_id.eq_any(jobs).and(audit_logs::job_version.eq_any(versions));
    let rows: Vec<KnownRow> = audit_logs::table
        .filter(audit_logs::event_id.eq_any(ids).or(same_version))
        .select((audit_logs::event_id, audit_logs::job_id, audit_logs::job_version, audit_logs::body))
        .load(conn)
        .await?;
    let mut known = Known::default();
    for (id, job, version, body) in rows {
        known.versions.extend(job.zip(version));
        known.bodies.insert(id, body);
    }
    Ok(known)
}

impl Known {
    fn judge(&self, event: &IncomingEvent) -> Option<Appended> {
        match self.bodies.get(&event.envelope.id) {
            Some(body) if *body == event.body => Some(Appended::Before),
            Some(_) => Some(Appended::Conflict),
            None => version_of(event)
                .filter(|version| self.versions.contains(version))
                .map(|_| Appended::Conflict),
        }
    }

    fn add(&mut self, event: &IncomingEvent) {
        self.versions.extend(version_of(event));
        self.bodies.insert(event.envelope.id, event.body.clone());
    }
}

fn version_of(event: &IncomingEvent) -> Option<(Uuid, i64)> {
    let body = &event.envelope.body;
    body.job_id.map(|id| id.0).zip(body.job_version)
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
