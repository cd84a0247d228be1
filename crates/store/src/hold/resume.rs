//! Erasures that are on hold: a release lets them go on, and none is put on hold behind one.
//!
//! Whoever releases a hold and whoever puts a job on hold wait for each other at a lock of the
//! organisation, taken before any row's. So a job that a release does not find on hold finds the release,
//! by its time: claims take the lock too, shared, so that a release is over before a step begins or has a
//! later time than that.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::{JobKind, Policy, StepCommand, StepState, law};
use uuid::Uuid;

use crate::error::StoreError;
use crate::functions;
use crate::job::Origin;
use crate::job::write::{LockedJob, refused};
use crate::outbox;
use crate::schema::{legal_holds, privacy_jobs};

/// What the lock is called, before the organisation.
const LOCK: &str = "releases of holds\n";

/// Waits for whoever releases a hold of the organisation, puts a job of it on hold, or claims a step.
pub(super) async fn lock_releases(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
) -> Result<(), StoreError> {
    Ok(functions::lock(conn, &format!("{LOCK}{organisation}")).await?)
}

/// Waits for whoever releases a hold of the job's organisation, if the job is one that obeys holds; many
/// may claim at a time.
pub(crate) async fn claim_after_releases(conn: &mut AsyncPgConnection, job: JobId) -> Result<(), StoreError> {
    let name = LOCK.into_sql::<Text>().concat(privacy_jobs::organisation_id);
    let lock = functions::pg_advisory_xact_lock_shared(functions::hashtextextended(name, 0_i64));
    let kinds = JobKind::ALL.into_iter().filter(|kind| kind.obeys_holds()).map(JobKind::name);
    privacy_jobs::table
        .find(job.0)
        .filter(privacy_jobs::kind.eq_any(kinds.collect::<Vec<_>>()))
        .select(lock)
        .execute(conn)
        .await?;
    Ok(())
}

/// The same for whoever knows only the job, whose organisation never changes.
pub(crate) async fn wait_for_releases(conn: &mut AsyncPgConnection, job: JobId) -> Result<(), StoreError> {
    let found = privacy_jobs::table.find(job.0).select(privacy_jobs::organisation_id).first(conn).await;
    let found: Option<String> = found.optional()?;
    match found {
        Some(organisation) => lock_releases(conn, &outbox::organisation(&organisation)?).await,
        None => Ok(()),
    }
}

/// Whether a hold of the organisation was released since then.
pub(crate) async fn released_since(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    since: Option<DateTime<Utc>>,
) -> Result<bool, StoreError> {
    let Some(since) = since else {
        return Ok(false);
    };
    let released = legal_holds::table
        .filter(legal_holds::organisation_id.eq(organisation.as_str()))
        .filter(legal_holds::released_at.ge(since));
    Ok(diesel::select(diesel::dsl::exists(released)).get_result(conn).await?)
}

/// Takes the organisation's erasures off hold, and announces their steps.
pub(super) async fn resume(
    conn: &mut AsyncPgConnection,
    (organisation, hold): (&OrganisationId, Uuid),
    origin: &Origin,
) -> Result<(), StoreError> {
    let on_hold: Vec<Uuid> = privacy_jobs::table
        .filter(privacy_jobs::organisation_id.eq(organisation.as_str()))
        .filter(privacy_jobs::kind.eq(JobKind::Erasure.name()))
        .filter(privacy_jobs::state.eq("on_hold"))
        .order(privacy_jobs::id)
        .select(privacy_jobs::id)
        .load(conn)
        .await?;
    for id in on_hold {
        let Some(mut job) = LockedJob::lock_of(conn, (organisation, JobId(id)), origin).await? else {
            continue;
        };
        // It may have ended meanwhile.
        let Ok(version) = law::resume(&job.facts, job.now) else {
            continue;
        };
        job.hold = Some(hold);
        job.write_versions(conn, &[version], None).await?;
        announce_due(conn, &job).await?;
    }
    Ok(())
}

/// Steps that wait look at once; those that failed keep their pause, and are announced when it is over.
async fn announce_due(conn: &mut AsyncPgConnection, job: &LockedJob<'_>) -> Result<(), StoreError> {
    for row in job.steps(conn).await? {
        let mut state = row.state()?;
        if state.waits() {
            state = state.apply(&StepCommand::EndWait, job.now, &Policy::default()).map_err(refused)?;
            job.write_step(conn, &row, &state).await?;
        }
        if matches!(state, StepState::Due { not_before, .. } if not_before <= job.now) {
            job.announce(conn, StepNo(row.step_no)).await?;
        }
    }
    Ok(())
}
