//! Keys that make a repeated request the same request.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId};
use uuid::Uuid;

use crate::error::StoreError;
use crate::functions;
use crate::schema::idempotency_keys as keys;

/// A caller's `Idempotency-Key` and what it came with.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The caller.
    pub client: String,
    /// The route, as `POST /api/v1/privacy/export`.
    pub route: String,
    /// The key.
    pub key: String,
    /// SHA-256 of the parameters that came with it, or a keyed hash of them where one is secret.
    pub body_sha256: [u8; 32],
    /// The same of the body as it was received: what earlier versions kept with their keys.
    pub as_received: Option<[u8; 32]>,
}

impl Idempotency {
    /// Whether this is what is kept of its parameters, by this version or an earlier one.
    fn came_with(&self, kept: &[u8]) -> bool {
        kept == self.body_sha256 || self.as_received.is_some_and(|received| kept == received)
    }
}

/// What a key names: what its request made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// A job.
    Job(JobId),
    /// A legal hold.
    Hold(Uuid),
}

impl Named {
    fn of(job: Option<Uuid>, hold: Option<Uuid>) -> Result<Self, StoreError> {
        match (job, hold) {
            (Some(job), None) => Ok(Self::Job(JobId(job))),
            (None, Some(hold)) => Ok(Self::Hold(hold)),
            (Some(_), Some(_)) | (None, None) => Err(Self::another()),
        }
    }

    /// The key names another kind of thing than its route makes.
    pub fn another() -> StoreError {
        StoreError::corrupt("an idempotency key names none of what requests of its route make")
    }
}

/// What is known of a key.
pub(crate) enum Known {
    /// Never seen.
    No,
    /// Seen with the same parameters; what it made.
    Same(Named),
    /// Seen with others.
    Different,
}

/// Looks a key up, waiting for a request with the same key that is under way.
pub(crate) async fn look_up(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    key: &Idempotency,
) -> Result<Known, StoreError> {
    // Two requests with one key at the same time: the second waits here until the first commits.
    let name = format!("{organisation}\n{}\n{}\n{}", key.client, key.route, key.key);
    functions::lock(conn, &name).await?;
    let found: Option<(Vec<u8>, Option<Uuid>, Option<Uuid>)> = keys::table
        .find((organisation.as_str(), &key.client, &key.route, &key.key))
        .select((keys::body_sha256, keys::job_id, keys::hold_id))
        .first(conn)
        .await
        .optional()?;
    Ok(match found {
        None => Known::No,
        Some((hash, job, hold)) if key.came_with(&hash) => Known::Same(Named::of(job, hold)?),
        Some(_) => Known::Different,
    })
}

/// Remembers what a key made.
pub(crate) async fn remember(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    key: &Idempotency,
    made: Named,
) -> Result<(), StoreError> {
    let (job, hold) = match made {
        Named::Job(job) => (Some(job.0), None),
        Named::Hold(hold) => (None, Some(hold)),
    };
    diesel::insert_into(keys::table)
        .values((
            keys::organisation_id.eq(organisation.as_str()),
            keys::client.eq(&key.client),
            keys::route.eq(&key.route),
            keys::key.eq(&key.key),
            keys::body_sha256.eq(key.body_sha256.as_slice()),
            keys::job_id.eq(job),
            keys::hold_id.eq(hold),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
