//! How many exports an organisation may ask for within a period.
//!
//! The job itself is the count: whatever was accepted within the period counts, and nothing else is
//! kept. A repeated request and one that an equal open job stands in the way of make no job, so
//! they never count.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId};
use domain::job::JobKind;

use crate::error::StoreError;
use crate::functions;
use crate::schema::privacy_jobs;

/// The most exports that are accepted of one organisation within a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportQuota {
    /// At most so many; 0 is for none at all.
    pub count: u32,
    /// Within any so long a time.
    pub period: Duration,
}

/// Whether `job`, which this transaction has just inserted, is one too many; when there will be
/// room for one like it, if so, and the time at which that was found.
///
/// Asked after the insert, so that an equal open job is found first and named. The lock makes
/// requests of one organisation wait for each other from here to their commit: whoever comes
/// second sees the job of whoever came first. That one may have begun while this one waited, and then
/// the time is not before its beginning.
pub(super) async fn room_at(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    (job, now): (JobId, DateTime<Utc>),
    quota: &ExportQuota,
) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>, StoreError> {
    let period = TimeDelta::from_std(quota.period).unwrap_or(TimeDelta::MAX);
    let Some(last) = quota.count.checked_sub(1) else {
        return Ok(Some((now.checked_add_signed(period).unwrap_or(now), now)));
    };
    functions::lock(conn, &format!("export quota\n{organisation}")).await?;
    // The youngest that must have left the period before there is room: with a quota of three, the
    // third youngest of the others.
    let begin = now.checked_sub_signed(period).unwrap_or(DateTime::<Utc>::MIN_UTC);
    let in_the_way: Option<DateTime<Utc>> = privacy_jobs::table
        .filter(privacy_jobs::organisation_id.eq(organisation.as_str()))
        .filter(privacy_jobs::kind.eq(JobKind::Export.name()))
        .filter(privacy_jobs::id.ne(job.0))
        .order(privacy_jobs::created_at.desc())
        .offset(i64::from(last))
        .select(privacy_jobs::created_at)
        .first(conn)
        .await
        .optional()?;
    Ok(in_the_way.filter(|at| *at > begin).and_then(|at| Some((at.checked_add_signed(period)?, now.max(at)))))
}
