//! The transactional outbox: what was decided is published, at least once, after it is committed.
//!
//! Rows are taken by flag and `SKIP LOCKED`, never by `id > last`: a sequence number can become
//! visible after a larger one, and a cursor would lose it for ever.

use std::collections::BTreeMap;
use std::future::Future;

use chrono::{DateTime, Utc};
use contracts::{AuditEvent, Envelope, Message, StepDue, encode};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::JobKind;
use uuid::Uuid;

use crate::error::StoreError;
use crate::functions;
use crate::pool::Store;
use crate::schema::{job_steps, outbox};

/// A message that waits to be published.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = outbox)]
pub struct OutboxRow {
    /// The message's id; a repeated publication has the same.
    pub event_id: Uuid,
    /// The message's kind.
    pub kind: String,
    /// Where it goes.
    pub routing_key: String,
    /// The encoded envelope.
    pub body: Vec<u8>,
    /// Headers, the trace context among them.
    pub headers: serde_json::Value,
}

/// Whoever can publish outbox rows.
pub trait Publish {
    /// Publishes each row; the answer has one entry per row, `true` where the broker confirmed it.
    fn publish(&mut self, rows: &[OutboxRow]) -> impl Future<Output = Vec<bool>> + Send;
}

#[derive(Insertable)]
#[diesel(table_name = outbox)]
struct NewRow {
    event_id: Uuid,
    kind: &'static str,
    routing_key: String,
    body: Vec<u8>,
    headers: serde_json::Value,
    job_id: Option<Uuid>,
    job_version: Option<i64>,
}

/// The routing key under which steps of that kind of job are announced.
fn step_key(kind: JobKind) -> String {
    format!("step.{}", kind.name())
}

async fn insert<T: Message>(
    conn: &mut AsyncPgConnection,
    (envelope, routing_key): (Envelope<T>, String),
    headers: &BTreeMap<String, String>,
    (job_id, job_version): (Option<JobId>, Option<i64>),
) -> Result<(), StoreError> {
    let row = NewRow {
        event_id: envelope.id,
        kind: T::KIND,
        routing_key,
        body: encode(&envelope)?,
        headers: serde_json::json!(headers),
        job_id: job_id.map(|id| id.0),
        job_version,
    };
    diesel::insert_into(outbox::table).values(row).execute(conn).await?;
    Ok(())
}

/// Announces that a step is due, and notes when.
pub(crate) async fn announce(
    conn: &mut AsyncPgConnection,
    (kind, job_id): (JobKind, JobId),
    step_no: StepNo,
    headers: &BTreeMap<String, String>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    announce_new(conn, (kind, job_id), step_no, headers, now).await?;
    diesel::update(job_steps::table.find((job_id.0, step_no.0)))
        .set(job_steps::announced_at.eq(now))
        .execute(conn)
        .await?;
    Ok(())
}

/// Announces a step that was written down as announced.
pub(crate) async fn announce_new(
    conn: &mut AsyncPgConnection,
    (kind, job_id): (JobKind, JobId),
    step_no: StepNo,
    headers: &BTreeMap<String, String>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let envelope = Envelope::new(Uuid::now_v7(), now, StepDue { job_id, step_no });
    insert(conn, (envelope, step_key(kind)), headers, (Some(job_id), None)).await
}

/// Writes an audit event. Its id follows from job and version, so that a version has only one.
pub(crate) async fn audit(
    conn: &mut AsyncPgConnection,
    event: AuditEvent,
    headers: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    let id = match (event.job_id, event.job_version) {
        (Some(job), Some(version)) => Uuid::new_v5(&job.0, format!("audit:{version}").as_bytes()),
        _ => Uuid::now_v7(),
    };
    let about = (event.job_id, event.job_version);
    let envelope = Envelope::new(id, event.occurred_at, event);
    insert(conn, (envelope, AuditEvent::KIND.to_owned()), headers, about).await
}

impl Store {
    /// Publishes up to `limit` waiting rows in order and marks the confirmed ones; the others stay.
    /// Answers how many were found and how many were confirmed.
    ///
    /// The rows stay locked meanwhile: another relay takes the next ones, and when this process
    /// dies they are free again and are published a second time under the same id.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; rows that were published stay unmarked then.
    pub async fn relay<P: Publish + Send>(
        &self,
        publish: &mut P,
        limit: i64,
    ) -> Result<(usize, usize), StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let rows = outbox::table
                .filter(outbox::published_at.is_null())
                .order(outbox::seq)
                .limit(limit)
                .select(OutboxRow::as_select())
                .for_update()
                .skip_locked()
                .load(conn)
                .await?;
            if rows.is_empty() {
                return Ok((0, 0));
            }
            let confirmed = publish.publish(&rows).await;
            let ids: Vec<Uuid> = rows
                .iter()
                .zip(confirmed)
                .filter(|(_, confirmed)| *confirmed)
                .map(|(row, _)| row.event_id)
                .collect();
            diesel::update(outbox::table.filter(outbox::event_id.eq_any(&ids)))
                .set(outbox::published_at.eq(functions::clock_timestamp().nullable()))
                .execute(conn)
                .await?;
            Ok((rows.len(), ids.len()))
        })
        .await
    }

    /// How many rows wait to be published, and for how long the oldest has, in seconds.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn outbox_backlog(&self) -> Result<(i64, f64), StoreError> {
        #[derive(QueryableByName)]
        struct Backlog {
            #[diesel(sql_type = diesel::sql_types::Int8)]
            rows: i64,
            #[diesel(sql_type = diesel::sql_types::Float8)]
            seconds: f64,
        }
        let mut conn = self.conn().await?;
        let backlog: Backlog = diesel::sql_query(
            "SELECT count(*) AS rows, coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS seconds \
             FROM outbox WHERE published_at IS NULL",
        )
        .get_result(&mut conn)
        .await?;
        Ok((backlog.rows, backlog.seconds))
    }
}

/// The organisation of a row, which only this program writes.
pub(crate) fn organisation(text: &str) -> Result<OrganisationId, StoreError> {
    OrganisationId::parse(text).map_err(|error| StoreError::corrupt(error.to_string()))
}
