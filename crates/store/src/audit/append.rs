//! Appending to the log what the outbox holds.
//!
//! Messages say which events are due, and nothing else of them is believed: whoever can publish on the
//! broker would otherwise write what nobody can take back.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use contracts::{AuditEvent, DecodeError, decode};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bytea, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::job::SkipReason;
use uuid::Uuid;

use crate::error::StoreError;
use crate::pool::Store;
use crate::schema::{audit_head, audit_logs};

/// What became of an event that a message named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in the log under this number.
    As(i64),
    /// It was there already.
    Before,
    /// Neither the outbox nor the log has an event of this id: nobody decided it.
    Unknown,
    /// The outbox has it, and this version of the program cannot read it.
    Unreadable(DecodeError),
    /// Another event with the same id, or for the same version of the same job, is in the log: a bug or
    /// an old forgery, for people to look at.
    Conflict,
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

/// An event as the outbox holds it.
#[derive(QueryableByName)]
struct OutboxEvent {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Bytea)]
    body: Vec<u8>,
}

/// An event as it was decided: what its row says, and the row's bytes.
struct Decided {
    body: Vec<u8>,
    event: Result<AuditEvent, DecodeError>,
}

impl Store {
    /// Appends the events of these ids that are not in the log yet; answers what became of each, in order.
    ///
    /// The lock on the head is the mutual exclusion: numbers are given out under it, after
    /// duplicates are set aside, so that none is skipped.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; nothing was appended then.
    pub async fn append_audit(&self, ids: &[Uuid]) -> Result<Vec<Appended>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let before: i64 = audit_head::table.select(audit_head::size).for_update().first(conn).await?;
            // In this order: what leaves the outbox between the two statements is in the log by then.
            let outbox = outbox(conn, ids).await?;
            let mut known = known(conn, ids, &outbox).await?;
            let mut size = before;
            let mut rows = Vec::with_capacity(ids.len());
            let mut verdicts = Vec::with_capacity(ids.len());
            for id in ids {
                let verdict = match known.judge(*id, outbox.get(id)) {
                    Judged::New(decided, event) => {
                        size = size.saturating_add(1);
                        rows.push(entry((size, *id), event, &decided.body));
                        known.add(*id, decided, event);
                        Appended::As(size)
                    }
                    Judged::Settled(appended) => appended,
                };
                verdicts.push(verdict);
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
}

/// What the outbox holds of these events.
async fn outbox(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Decided>, StoreError> {
    let rows: Vec<OutboxEvent> = diesel::sql_query("SELECT event_id, body FROM audit_events($1)")
        .bind::<Array<SqlUuid>, _>(ids)
        .load(conn)
        .await?;
    let decided = |row: OutboxEvent| {
        let event = decode::<AuditEvent>(&row.body).map(|envelope| envelope.body);
        (row.event_id, Decided { body: row.body, event })
    };
    Ok(rows.into_iter().map(decided).collect())
}

fn entry<'a>((seq, event_id): (i64, Uuid), event: &'a AuditEvent, body: &'a [u8]) -> NewEntry<'a> {
    NewEntry {
        seq,
        event_id,
        organisation_id: event.organisation_id.as_str(),
        actor: &event.actor,
        actor_role: &event.actor_role,
        action: event.action.name(),
        outcome: event.outcome_name(),
        job_id: event.job_id.map(|id| id.0),
        job_version: event.job_version,
        step_no: event.step_no.map(|no| no.0),
        trace_id: event.trace_id.as_deref(),
        occurred_at: event.occurred_at,
        body,
        reason: event.reason.map(SkipReason::name),
        hold_id: event.hold_id,
        rows: event.rows,
        media: event.media.map(|media| serde_json::json!(media)),
        about: event.about.as_ref().map(|about| serde_json::json!(about)),
    }
}

/// The events that the log holds already, as far as a batch could repeat or contradict them, and
/// those of the batch accepted so far.
#[derive(Default)]
struct Known {
    bodies: HashMap<Uuid, Vec<u8>>,
    versions: HashSet<(Uuid, i64)>,
}

/// What is to be done with an event.
enum Judged<'a> {
    New(&'a Decided, &'a AuditEvent),
    Settled(Appended),
}

type KnownRow = (Uuid, Option<Uuid>, Option<i64>, Vec<u8>);

async fn known(
    conn: &mut AsyncPgConnection,
    ids: &[Uuid],
    outbox: &HashMap<Uuid, Decided>,
) -> Result<Known, StoreError> {
    let events = outbox.values().filter_map(|decided| decided.event.as_ref().ok());
    let (jobs, versions): (Vec<Uuid>, Vec<i64>) = events.filter_map(version_of).unzip();
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
    fn judge<'a>(&self, id: Uuid, decided: Option<&'a Decided>) -> Judged<'a> {
        let settled = match (self.bodies.get(&id), decided) {
            // Rows leave the outbox some time after they came into the log.
            (Some(_), None) => Appended::Before,
            (Some(body), Some(decided)) if *body == decided.body => Appended::Before,
            (Some(_), Some(_)) => Appended::Conflict,
            (None, None) => Appended::Unknown,
            (None, Some(decided)) => match &decided.event {
                Err(error) => Appended::Unreadable(*error),
                Ok(event) if version_of(event).is_some_and(|version| self.versions.contains(&version)) => {
                    Appended::Conflict
                }
                Ok(event) => return Judged::New(decided, event),
            },
        };
        Judged::Settled(settled)
    }

    fn add(&mut self, id: Uuid, decided: &Decided, event: &AuditEvent) {
        self.versions.extend(version_of(event));
        self.bodies.insert(id, decided.body.clone());
    }
}

fn version_of(event: &AuditEvent) -> Option<(Uuid, i64)> {
    event.job_id.map(|id| id.0).zip(event.job_version)
}
