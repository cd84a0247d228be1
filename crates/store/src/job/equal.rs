//! The open job that stands in the way of a new one.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId};
use domain::job::JobKind;
use uuid::Uuid;

use crate::error::{StoreError, violates};
use crate::pool::act_for;
use crate::rows::ENDED_JOBS;
use crate::schema::privacy_jobs;

/// What makes another job equal to this one.
pub(super) struct Equal<'a> {
    pub organisation: &'a OrganisationId,
    pub kind: JobKind,
    pub request: &'a serde_json::Value,
}

/// The open job that stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InTheWay {
    /// It asks for the very same.
    Equal(JobId),
    /// It asks for something else that cannot be done at the same time.
    Other(JobId),
}

impl InTheWay {
    /// Which one it is.
    pub fn job(self) -> JobId {
        match self {
            Self::Equal(job) | Self::Other(job) => job,
        }
    }
}

/// Whether an error says that such a job is open.
pub(super) fn is_in_the_way(error: &diesel::result::Error) -> bool {
    ["privacy_jobs_one_equal_open", "privacy_jobs_one_open_erasure"]
        .into_iter()
        .any(|index| violates(error, index))
}

/// The open job that stands in the way: an equal one, or another erasure of the same organisation or
/// person.
pub(super) async fn in_the_way_of(
    conn: &mut AsyncPgConnection,
    equal: &Equal<'_>,
) -> Result<Option<InTheWay>, StoreError> {
    conn.transaction(async |conn| {
        act_for(conn, equal.organisation).await?;
        let open = || {
            privacy_jobs::table
                .filter(privacy_jobs::organisation_id.eq(equal.organisation.as_str()))
                .filter(privacy_jobs::kind.eq(equal.kind.name()))
                .filter(privacy_jobs::state.ne_all(ENDED_JOBS))
                .select(privacy_jobs::id)
        };
        let same: Option<Uuid> =
            open().filter(privacy_jobs::request.eq(equal.request)).first(conn).await.optional()?;
        if same.is_some() || equal.kind != JobKind::Erasure {
            return Ok(same.map(JobId).map(InTheWay::Equal));
        }
        let subject = equal.request.get("subject").cloned().unwrap_or(serde_json::Value::Null);
        let others = sql::<Bool>("NOT request ? 'deferred' AND NOT (request ->> 'dry_run')::boolean AND coalesce(request -> 'subject', 'null') = ")
            .bind::<diesel::sql_types::Jsonb, _>(subject);
        let other: Option<Uuid> = open().filter(others).first(conn).await.optional()?;
        Ok(other.map(JobId).map(InTheWay::Other))
    })
    .await
}
