//! Accepting a request: job, first step, audit event and announcement in one transaction.

use chrono::{DateTime, Utc};
use contracts::http::JobView;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::export::ExportEncryption;
use domain::id::{JobId, OrganisationId};
use domain::job::JobKind;
use uuid::Uuid;

use super::equal::{Equal, InTheWay, in_the_way_of, is_in_the_way};
use super::insert::{NewJob, Start, insert_job};
use super::quota::{self, ExportQuota};
use super::{NewExport, read};
use crate::error::StoreError;
use crate::idempotency::{self, Idempotency, Known, Named};
use crate::pool::{Store, act_for};
use crate::secret;

/// How often a request is tried when the equal job that is in its way ends meanwhile.
pub(super) const TRIES: u32 = 20;

/// An accepted request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// A new job.
    Created(JobId),
    /// The job that the same request made before, or an equal one that is open.
    Replayed(JobId),
}

/// An accepted export, and its job as the API shows it at that moment: of a new job what was just
/// written down, without reading it back.
#[derive(Debug)]
pub struct AcceptedExport {
    /// Whose job it is.
    pub accepted: Accepted,
    /// The job.
    pub view: JobView,
}

/// Why a request is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// An equal job is open.
    #[error("an equal job is open: {0}")]
    EqualOpen(JobId),
    /// The organisation has asked for as many exports as it may for now.
    #[error("the organisation may ask for no further export before {room_at}")]
    QuotaReached {
        /// When one more would be accepted.
        room_at: DateTime<Utc>,
        /// The database's time now.
        now: DateTime<Utc>,
    },
    /// The idempotency key came with other parameters before.
    #[error("the idempotency key was used with other parameters")]
    KeyReused,
    /// The organisation has no such export of its own that could come before its erasure.
    #[error("the organisation has no such export")]
    NoExportBefore,
    /// The export that was to come before the erasure has ended without its package.
    #[error("the export that was to come first is {0}")]
    ExportEnded(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for CreateError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Accepts an export request, once per idempotency key, unless an equal export is open. A request without
    /// a key is answered with that one.
    ///
    /// # Errors
    /// [`CreateError`]; nothing was written then.
    pub async fn create_export(&self, new: &NewExport) -> Result<Accepted, CreateError> {
        self.create_export_within(new, None).await.map(|export| export.accepted)
    }

    /// As [`Store::create_export`], unless the organisation has asked for too many of late. What is
    /// no new job never counts: a repetition, or a request that an equal open job stands in the way of,
    /// or, where it came without a key, answers. The job comes with it, as it stands.
    ///
    /// # Errors
    /// [`CreateError`]; nothing was written then.
    pub async fn create_export_within(
        &self,
        new: &NewExport,
        quota: Option<&ExportQuota>,
    ) -> Result<AcceptedExport, CreateError> {
        let mut conn = self.conn().await?;
        let mut tries = TRIES;
        loop {
            let refused = match conn.transaction(async |conn| create(conn, new, quota).await).await {
                Err(CreateError::Store(StoreError::Query(error))) if is_in_the_way(&error) => error,
                other => return other,
            };
            let request = serde_json::json!(new.request);
            let equal = Equal { organisation: &new.organisation, kind: JobKind::Export, request: &request };
            match in_the_way_of(&mut conn, &equal).await? {
                Some(InTheWay::Equal(open)) if new.is_answered_by_equals() => {
                    return answered_by(&mut conn, &new.organisation, open).await;
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

    /// The job that the same request made before, for requests that must not be checked again: what they
    /// were checked against may be gone by the time they are repeated.
    ///
    /// # Errors
    /// [`CreateError`], above all [`CreateError::KeyReused`].
    pub async fn made_before(
        &self,
        organisation: &OrganisationId,
        key: &Idempotency,
    ) -> Result<Option<Accepted>, CreateError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| accept(conn, organisation, Some(key)).await).await
    }
}

impl NewExport {
    /// Whether an equal open job is the answer. Whoever gives a key wants to know which job is theirs, and of
    /// two passphrases nobody can tell whether they are the same.
    fn is_answered_by_equals(&self) -> bool {
        self.idempotency.is_none() && self.request.encryption != Some(ExportEncryption::Passphrase)
    }
}

/// The open job that a request is answered with.
async fn answered_by(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    open: JobId,
) -> Result<AcceptedExport, CreateError> {
    conn.transaction(async |conn| {
        act_for(conn, organisation).await?;
        let view = read::view_of(conn, organisation, open).await?;
        let view = view.ok_or_else(|| StoreError::corrupt("a job that is in the way is not there"))?;
        Ok(AcceptedExport { accepted: Accepted::Replayed(open), view })
    })
    .await
}

async fn create(
    conn: &mut AsyncPgConnection,
    new: &NewExport,
    quota: Option<&ExportQuota>,
) -> Result<AcceptedExport, CreateError> {
    if let Some(Accepted::Created(job) | Accepted::Replayed(job)) =
        accept(conn, &new.organisation, new.idempotency.as_ref()).await?
    {
        let view = read::view_of(conn, &new.organisation, job).await?;
        let view = view.ok_or_else(|| StoreError::corrupt("a key is known of a job that is not there"))?;
        return Ok(AcceptedExport { accepted: Accepted::Replayed(job), view });
    }
    let job = new.secret.as_ref().map_or_else(|| JobId(Uuid::now_v7()), |secret| secret.job_id);
    let (organisation, request) = (&new.organisation, serde_json::json!(new.request));
    let (kind, start) = (JobKind::Export, Start::Now { soft_deletes: false });
    let (names, origin) = (&new.names, &new.origin);
    let new_job = NewJob { id: job, organisation, kind, request, names, start, origin };
    let written = insert_job(conn, &new_job).await?;
    let now = written.created.occurred_at;
    if let Some(quota) = quota
        && let Some((room_at, now)) = quota::room_at(conn, organisation, (job, now), quota).await?
    {
        return Err(CreateError::QuotaReached { room_at, now });
    }
    if let Some(secret) = &new.secret {
        secret::insert(conn, organisation, secret).await?;
    }
    if let Some(key) = &new.idempotency {
        idempotency::remember(conn, organisation, key, Named::Job(job)).await?;
    }
    Ok(AcceptedExport { accepted: Accepted::Created(job), view: read::view_of_new(written)? })
}

/// Begins the transaction of a request; what it was answered before, if it is a repetition.
pub(super) async fn accept(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    key: Option<&Idempotency>,
) -> Result<Option<Accepted>, CreateError> {
    act_for(conn, organisation).await?;
    let Some(key) = key else { return Ok(None) };
    match idempotency::look_up(conn, organisation, key).await? {
        Known::Same(Named::Job(job)) => Ok(Some(Accepted::Replayed(job))),
        Known::Same(Named::Hold(_)) => Err(Named::another().into()),
        Known::Different => Err(CreateError::KeyReused),
        Known::No => Ok(None),
    }
}
