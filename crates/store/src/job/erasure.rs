//! Accepting an erasure.

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::erasure::ErasureRequest;
use domain::id::{JobId, OrganisationId};
use domain::job::{JobKind, JobNames};
use uuid::Uuid;

use super::create::{Accepted, CreateError, accept};
use super::equal::{Equal, InTheWay, in_the_way_of, is_in_the_way};
use super::export_before::must_be_to_come;
use super::insert::{NewJob, Start, insert_job};
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
    /// Whether the organisation is marked as deleted, at once, however long the grace period is.
    pub soft_deletes: bool,
    /// The person's identity, sealed.
    pub secret: Option<JobSecret>,
    /// The caller's key against repetition, if one came with it.
    pub idempotency: Option<Idempotency>,
    /// What the caller calls it.
    pub names: JobNames,
    /// Who asks.
    pub origin: Origin,
}

impl Store {
    /// Accepts a request for erasure, once per idempotency key, unless an equal job, or another
    /// erasure of the same organisation or person, is open. A request without a key is answered with an equal
    /// one.
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
            match in_the_way_of(&mut conn, &equal).await? {
                Some(InTheWay::Equal(open)) if new.idempotency.is_none() => {
                    return Ok(Accepted::Replayed(open));
                }
                Some(open) => return Err(CreateError::EqualOpen(open.job())),
                None => {}
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
    if let Some(known) = accept(conn, &new.organisation, new.idempotency.as_ref()).await? {
        return Ok(known);
    }
    if let Some(export) = new.request.after_export {
        must_be_to_come(conn, &new.organisation, export).await?;
    }
    let job = new.secret.as_ref().map_or_else(|| JobId(Uuid::now_v7()), |secret| secret.job_id);
    let start = start(new, clock::now(conn).await?);
    let (organisation, request) = (&new.organisation, serde_json::json!(new.request));
    let (kind, names, origin) = (JobKind::Erasure, &new.names, &new.origin);
    let new_job = NewJob { id: job, organisation, kind, request, names, start, origin };
    insert_job(conn, &new_job).await?;
    if let Some(secret) = &new.secret {
        secret::insert(conn, organisation, secret).await?;
    }
    if let Some(key) = &new.idempotency {
        idempotency::remember(conn, organisation, key, Named::Job(job)).await?;
    }
    Ok(Accepted::Created(job))
}

/// A dry run begins at once: it waits for nothing because it erases nothing. What waits for an export is
/// scheduled even without a grace period, so that it can be seen and called off meanwhile.
fn start(new: &NewErasure, now: DateTime<Utc>) -> Start {
    let ends = new.request.grace_period_days.ends(now);
    let waits = ends > now || new.request.after_export.is_some();
    let soft_deletes = new.soft_deletes && new.request.subject.is_none();
    match (new.request.dry_run, waits) {
        (true, _) => Start::Now { soft_deletes: false },
        (false, false) => Start::Now { soft_deletes },
        (false, true) => Start::After { not_before: ends, soft_deletes },
    }
}
