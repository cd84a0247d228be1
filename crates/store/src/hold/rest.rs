//! What an erasure leaves because of a hold, and the job that erases it once the hold is released.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::erasure::{Deferred, ErasureRequest, GracePeriod};
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::JobKind;
use uuid::Uuid;

use crate::error::StoreError;
use crate::job::{NewJob, Origin, Start, insert_job};
use crate::pool::Store;
use crate::rows::JobRow;
use crate::schema::{job_retained, legal_holds, privacy_jobs, retained_rows};

/// Rows of one collection that an erasure left because of a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// The hold.
    pub hold: Uuid,
    /// The collection as `dataset.collection`.
    pub collection: String,
    /// How many rows. A collection is named once for each hold.
    pub rows: i64,
    /// Which rows, sealed: the run after the release is about these.
    pub sealed: Vec<u8>,
}

/// Keeps what an erasure left because of holds, with the step that looked. What a hold left that has been
/// released meanwhile is asked for at once: nobody else would.
pub(crate) async fn keep_retained(
    conn: &mut AsyncPgConnection,
    (organisation, job, step): (&OrganisationId, JobId, StepNo),
    retained: &[Retained],
    origin: &Origin,
) -> Result<(), StoreError> {
    let mut left: BTreeMap<Uuid, Vec<&Retained>> = BTreeMap::new();
    for retained in retained.iter().filter(|retained| retained.rows > 0) {
        left.entry(retained.hold).or_default().push(retained);
    }
    for (hold, retained) in left {
        let counts: Vec<_> = retained
            .iter()
            .map(|Retained { collection, rows, .. }| {
                (
                    job_retained::job_id.eq(job.0),
                    job_retained::organisation_id.eq(organisation.as_str()),
                    job_retained::hold_id.eq(hold),
                    job_retained::collection.eq(collection),
                    job_retained::rows.eq(rows),
                )
            })
            .collect();
        // Waits for a release that is under way, and keeps the next one waiting.
        diesel::insert_into(job_retained::table).values(counts).execute(conn).await?;
        let rows: Vec<_> = retained
            .iter()
            .map(|Retained { collection, sealed, .. }| {
                (
                    retained_rows::job_id.eq(job.0),
                    retained_rows::step_no.eq(step.0),
                    retained_rows::hold_id.eq(hold),
                    retained_rows::collection.eq(collection),
                    retained_rows::organisation_id.eq(organisation.as_str()),
                    retained_rows::sealed.eq(sealed),
                )
            })
            .collect();
        diesel::insert_into(retained_rows::table).values(rows).execute(conn).await?;
        let released: Option<DateTime<Utc>> =
            legal_holds::table.find(hold).select(legal_holds::released_at).first(conn).await?;
        if released.is_some() {
            ask_for_rest(conn, organisation, Deferred { hold, job: job.0 }, origin).await?;
        }
    }
    Ok(())
}

/// Makes the job that erases the rest.
pub(super) async fn ask_for_rest(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    deferred: Deferred,
    origin: &Origin,
) -> Result<JobId, StoreError> {
    let before: JobRow = privacy_jobs::table
        .find(deferred.job)
        .filter(privacy_jobs::organisation_id.eq(organisation.as_str()))
        .select(JobRow::as_select())
        .first(conn)
        .await?;
    let names = before.about()?.names;
    let request: ErasureRequest = serde_json::from_value(before.request)
        .map_err(|_| StoreError::corrupt(format!("job {} is no erasure", deferred.job)))?;
    let request =
        ErasureRequest { grace_period_days: GracePeriod::NONE, deferred: Some(deferred), ..request };
    let job = JobId(Uuid::now_v7());
    let new = NewJob {
        id: job,
        organisation,
        kind: JobKind::Erasure,
        request: serde_json::json!(request),
        names: &names,
        start: Start::Now { soft_deletes: false },
        origin,
    };
    insert_job(conn, &new).await?;
    Ok(job)
}

/// An erasure that left rows because of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlierErasure {
    /// The job.
    pub job: JobId,
    /// Rows made later were none of its matter.
    pub cutoff: Option<DateTime<Utc>>,
}

impl Store {
    /// This erasure, the one that had left its rows to it, and so on back to the first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or one of the jobs is no erasure.
    pub async fn erasures_back_from(
        &self,
        organisation: &OrganisationId,
        job: JobId,
    ) -> Result<Vec<EarlierErasure>, StoreError> {
        let mut conn = self.conn().await?;
        let (mut chain, mut next) = (Vec::new(), Some(job));
        while let Some(job) = next {
            let found: Option<(serde_json::Value, Option<DateTime<Utc>>)> = privacy_jobs::table
                .find(job.0)
                .filter(privacy_jobs::organisation_id.eq(organisation.as_str()))
                .select((privacy_jobs::request, privacy_jobs::cutoff))
                .first(&mut conn)
                .await
                .optional()?;
            let Some((request, cutoff)) = found else { break };
            let request: ErasureRequest = serde_json::from_value(request)
                .map_err(|_| StoreError::corrupt(format!("job {job} is no erasure")))?;
            chain.push(EarlierErasure { job, cutoff });
            next = request.deferred.map(|deferred| JobId(deferred.job));
        }
        Ok(chain)
    }

    /// Which rows of which collections the job left because of a hold, sealed; none where earlier code left
    /// them.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn rows_retained(
        &self,
        organisation: &OrganisationId,
        job: JobId,
        hold: Uuid,
    ) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<(String, Vec<u8>)> = retained_rows::table
            .filter(retained_rows::job_id.eq(job.0))
            .filter(retained_rows::hold_id.eq(hold))
            .filter(retained_rows::organisation_id.eq(organisation.as_str()))
            .select((retained_rows::collection, retained_rows::sealed))
            .load(&mut conn)
            .await?;
        Ok(rows.into_iter().collect())
    }

    /// The holds for which these jobs left rows.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn holds_obeyed_by(
        &self,
        organisation: &OrganisationId,
        jobs: &[JobId],
    ) -> Result<Vec<Uuid>, StoreError> {
        let mut conn = self.conn().await?;
        let holds = job_retained::table
            .filter(job_retained::job_id.eq_any(jobs.iter().map(|job| job.0)))
            .filter(job_retained::organisation_id.eq(organisation.as_str()))
            .select(job_retained::hold_id)
            .distinct()
            .load(&mut conn)
            .await?;
        Ok(holds)
    }

    /// The holds because of which the job left rows and that were placed before this one, released or not,
    /// the earliest first: whatever several of them cover was left because of the first, and is for the
    /// run after that one's release.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn retained_before(
        &self,
        organisation: &OrganisationId,
        job: JobId,
        hold: Uuid,
    ) -> Result<Vec<Uuid>, StoreError> {
        let mut conn = self.conn().await?;
        let ours = || legal_holds::table.filter(legal_holds::organisation_id.eq(organisation.as_str()));
        let placed = ours().filter(legal_holds::id.eq(hold)).select(legal_holds::placed_at);
        let placed: Option<DateTime<Utc>> = placed.first(&mut conn).await.optional()?;
        let Some(placed) = placed else {
            return Ok(Vec::new());
        };
        let left = job_retained::table
            .filter(job_retained::job_id.eq(job.0))
            .filter(job_retained::organisation_id.eq(organisation.as_str()))
            .select(job_retained::hold_id);
        let earlier = legal_holds::placed_at.lt(placed);
        let holds = ours()
            .filter(legal_holds::id.eq_any(left))
            .filter(earlier.or(legal_holds::placed_at.eq(placed).and(legal_holds::id.lt(hold))))
            .order((legal_holds::placed_at, legal_holds::id))
            .select(legal_holds::id)
            .load(&mut conn)
            .await?;
        Ok(holds)
    }
}
