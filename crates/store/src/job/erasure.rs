//! Accepting an erasure.

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::erasure::ErasureRequest;
use domain::id::{JobId, OrganisationId};
use domain::job::JobKind;
use uuid::Uuid;

use super::create::{Accepted, CreateError, NewJob, Start, accept, insert_job};
use super::equal::{Equal, in_the_way_of, is_in_the_way};
use super::export_before::must_be_to_come;
use super::{Origin, create::TRIES};
use crate::clock;
use crate::error::StoreError;
use crate::idempotency::{self, Idempotency, Named};
use crate::pool::Store;
use crate::secret::{self, JobSecret};

/// An erasure that an owner asks for.
#[derive(Debug, Clone)]
pub struct NewErasure {
    /// Whose data.
    pub organisation: OrganisationId,
    /// What is asked for.
    pub request: ErasureRequest,
    /// Whether the organisation is marked as deleted while the grace period runs.
    pub soft_deletes: bool,
    /// The person's identity, sealed.
    pub secret: Option<JobSecret>,
    /// The caller's key against repetition.
    pub idempotency: Idempotency,
    /// Who asks.
    pub origin: Origin,
}

impl Store {
    /// Accepts a request for erasure, once per idempotency key, unless an equal job, or another
    /// erasure of the same organisation or person, is open.
    ///
    /// # Errors
    /// [`CreateError`]; nothing was written then.
    pub async fn create_erasure(&self, new: &NewErasure) -> Result<Accepted, CreateError> {
        let mut conn = self.conn().await?;
        let mut tries = TRIES;
        loop {
            let refused = match conn.transaction(async |conn| create(conn, new).await).await {
                Err(CreateError::Store(StoreError::Query(error))) if is_in_the_way(&error) => error,
                other => return other,
            };
            let request = serde_json::json!(new.request);
            let equal = Equal { organisation: &new.organisation, kind: JobKind::Erasure, request: &request };
            if let Some(open) = in_the_way_of(&mut conn, &equal).await? {
                return Err(CreateError::EqualOpen(open));
            }
            // It ended between the refusal and the look at it, so there is room now.
            tries -= 1;
            if tries == 0 {
                return Err(refused.into());
            }
        }
    }
}

async fn create(conn: &mut AsyncPgConnection, new: &NewErasure) -> Result<Accepted, CreateError> {
    if let Some(known) = accept(conn, &new.organisation, &new.idempotency).await? {
        return Ok(known);
    }
    if let Some(export) = new.request.after_export {
        must_be_to_come(conn, &new.organisation, export).await?;
    }
    let job = new.secret.as_ref().map_or_else(|| JobId(Uuid::now_v7()), |secret| secret.job_id);
    let start = start(new, clock::now(conn).await?);
    let (organisation, request) = (&new.organisation, serde_json::json!(new.request));
    let new_job =
        NewJob { id: job, organisation, kind: JobKind::Erasure, request, start, origin: &new.origin };
    insert_job(conn, &new_job).await?;
    if let Some(secret) = &new.secret {
        secret::insert(conn, organisation, secret).await?;
    }
    idempotency::remember(conn, organisation, &new.idempotency, Named::Job(job)).await?;
    Ok(Accepted::Created(job))
}

/// A dry run begins at once: it waits for nothing because it erases nothing. What waits for an export is
/// scheduled even without a grace period, so that it can be seen and called off meanwhile.
fn start(new: &NewErasure, now: DateTime<Utc>) -> Start {
    let ends = new.request.grace_period_days.ends(now);
    let waits = ends > now || new.request.after_export.is_some();
    if new.request.dry_run || !waits {
        return Start::Now;
    }
    Start::After { not_before: ends, soft_deletes: new.soft_deletes && new.request.subject.is_none() }
}
