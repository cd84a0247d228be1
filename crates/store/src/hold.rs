//! Legal holds: placing, listing, releasing, and asking for what was left because of one.

mod in_the_way;
mod obeyed;
mod placed;
mod rest;
mod resume;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::audit::Action;
use domain::erasure::Deferred;
use domain::id::{JobId, OrganisationId};
use uuid::Uuid;

pub use obeyed::ActiveHold;
pub use placed::{PlaceError, PlacedHold};
use rest::ask_for_rest;
pub(crate) use rest::keep_retained;
pub use rest::{EarlierErasure, Retained};
pub(crate) use resume::{claim_after_releases, released_since, wait_for_releases};
use resume::{lock_releases, resume};

use crate::clock;
use crate::error::StoreError;
use crate::job::Origin;
use crate::job::event::{EventAbout, audit_event};
use crate::outbox;
use crate::pool::{Store, act_for};
use crate::schema::{job_retained, legal_holds};

/// A hold that somebody wants placed.
#[derive(Debug, Clone)]
pub struct NewHold {
    /// Its id, chosen by the caller, for which its values are sealed.
    pub id: Uuid,
    /// Whose rows.
    pub organisation: OrganisationId,
    /// What is held, in names only.
    pub scope: serde_json::Value,
    /// The values that it is found by, sealed.
    pub sealed: Option<Vec<u8>>,
    /// The ground of Art. 17(3), by name.
    pub ground: String,
    /// Who answers for it.
    pub owner: String,
    /// When it is to be looked at again.
    pub review_on: NaiveDate,
}

/// A hold as people see it. The values that it is found by are not among them.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = legal_holds)]
pub struct HoldRecord {
    /// Its id.
    pub id: Uuid,
    /// What is held, in names only.
    pub scope: serde_json::Value,
    /// The ground of Art. 17(3), by name.
    pub ground: String,
    /// Who answers for it.
    pub owner: String,
    /// When it is to be looked at again.
    pub review_on: NaiveDate,
    /// Since when.
    pub placed_at: DateTime<Utc>,
    /// By whom.
    pub placed_by: String,
    /// Until when.
    pub released_at: Option<DateTime<Utc>>,
    /// By whom it was released.
    pub released_by: Option<String>,
}

/// Which holds a list shows, the latest first.
#[derive(Debug, Clone, Default)]
pub struct HoldFilter {
    /// Only holds that are not released.
    pub only_active: bool,
    /// Only holds placed before this one: where a page begins.
    pub before: Option<(DateTime<Utc>, Uuid)>,
    /// At most so many.
    pub limit: i64,
}

/// Why a hold was not released.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The organisation has no such hold.
    #[error("there is no such hold")]
    NotFound,
    /// It was released before.
    #[error("the hold was released before")]
    Released,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for HoldError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// The organisation's holds, the latest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn holds(
        &self,
        organisation: &OrganisationId,
        filter: &HoldFilter,
    ) -> Result<Vec<HoldRecord>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            act_for(conn, organisation).await?;
            let mut query = legal_holds::table
                .filter(legal_holds::organisation_id.eq(organisation.as_str()))
                .order((legal_holds::placed_at.desc(), legal_holds::id.desc()))
                .limit(filter.limit)
                .select(HoldRecord::as_select())
                .into_boxed();
            if filter.only_active {
                query = query.filter(legal_holds::released_at.is_null());
            }
            if let Some((at, id)) = filter.before {
                let earlier = legal_holds::placed_at.lt(at);
                query = query.filter(earlier.or(legal_holds::placed_at.eq(at).and(legal_holds::id.lt(id))));
            }
            Ok(query.load(conn).await?)
        })
        .await
    }

    /// One hold of the organisation.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn hold(
        &self,
        organisation: &OrganisationId,
        id: Uuid,
    ) -> Result<Option<HoldRecord>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            act_for(conn, organisation).await?;
            let found = legal_holds::table
                .find(id)
                .filter(legal_holds::organisation_id.eq(organisation.as_str()))
                .select(HoldRecord::as_select())
                .first(conn)
                .await;
            Ok(found.optional()?)
        })
        .await
    }

    /// Releases a hold, and asks for the erasure of what was left because of it: one new job for each
    /// completed erasure that left rows. Art. 17 has no ground left to wait. Erasures of the organisation
    /// that are on hold look again, whichever hold it was that stood in their way.
    ///
    /// # Errors
    /// [`HoldError`]; nothing was written then.
    pub async fn release_hold(
        &self,
        organisation: &OrganisationId,
        id: Uuid,
        origin: &Origin,
    ) -> Result<Vec<JobId>, HoldError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            act_for(conn, organisation).await?;
            lock_releases(conn, organisation).await?;
            // An erasure that ends has rows refer to the hold, which this lock excludes (FOR KEY SHARE does
            // not go with FOR UPDATE): whoever comes second sees what the first has written.
            let hold: Option<HoldRecord> = legal_holds::table
                .find(id)
                .filter(legal_holds::organisation_id.eq(organisation.as_str()))
                .select(HoldRecord::as_select())
                .for_update()
                .first(conn)
                .await
                .optional()?;
            let hold = hold.ok_or(HoldError::NotFound)?;
            if hold.released_at.is_some() {
                return Err(HoldError::Released);
            }
            diesel::update(legal_holds::table.find(id))
                .set((
                    legal_holds::released_at.eq(clock::now(conn).await?),
                    legal_holds::released_by.eq(&origin.actor.subject),
                ))
                .execute(conn)
                .await?;
            told(conn, (organisation, id), origin, Action::HoldReleased).await?;
            let left: Vec<Uuid> = job_retained::table
                .filter(job_retained::hold_id.eq(id))
                .filter(job_retained::erased_by.is_null())
                .filter(job_retained::organisation_id.eq(organisation.as_str()))
                .select(job_retained::job_id)
                .distinct()
                .load(conn)
                .await?;
            let mut jobs = Vec::with_capacity(left.len());
            for job in left {
                jobs.push(ask_for_rest(conn, organisation, Deferred { hold: id, job }, origin).await?);
            }
            resume(conn, (organisation, id), origin).await?;
            Ok(jobs)
        })
        .await
    }
}

async fn told(
    conn: &mut AsyncPgConnection,
    (organisation, hold): (&OrganisationId, Uuid),
    origin: &Origin,
    action: Action,
) -> Result<(), StoreError> {
    let now = clock::now(conn).await?;
    let about = EventAbout { hold: Some(hold), ..EventAbout::default() };
    let event = audit_event(organisation, origin, action, about, now);
    outbox::audit(conn, event, &origin.headers).await
}
