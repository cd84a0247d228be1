//! Messages about a job that wait to be published.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::http::MessagesWaitView;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::clock;
use crate::error::StoreError;
use crate::schema::outbox;

/// A relay publishes within a fraction of a second. What waits for longer than this has something in its way.
const AFTER: TimeDelta = TimeDelta::seconds(5);

const DETAIL: &str = "messages about the job wait to be published; the job goes on by itself when they are. Operators: \
                      look at the broker's alarms and at `/readyz` of the services";

/// Since when the first message about the job waits, if that is for too long. Those that were published once
/// and are again do not count: they have waited for the audit log.
pub(super) async fn messages_wait(
    conn: &mut AsyncPgConnection,
    job: Uuid,
) -> Result<Option<MessagesWaitView>, StoreError> {
    // By the index of what is unpublished, which is next to empty unless there is something to tell.
    let since: Option<DateTime<Utc>> = outbox::table
        .filter(outbox::published_at.is_null())
        .filter(outbox::job_id.eq(job))
        .filter(outbox::published_again.eq(0))
        .order(outbox::seq)
        .select(outbox::created_at)
        .first(conn)
        .await
        .optional()?;
    let Some(since) = since else { return Ok(None) };
    let waits = clock::now(conn).await? - since >= AFTER;
    Ok(waits.then(|| MessagesWaitView { since, detail: DETAIL.to_owned() }))
}
