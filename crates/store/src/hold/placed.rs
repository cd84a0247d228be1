//! Placing holds, once for each key.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::audit::Action;
use domain::id::OrganisationId;
use uuid::Uuid;

use super::{HoldRecord, NewHold, told};
use crate::error::StoreError;
use crate::idempotency::{self, Idempotency, Known, Named};
use crate::job::Origin;
use crate::pool::{Store, act_for};
use crate::schema::legal_holds;

/// A hold that a request has placed, now or before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedHold {
    /// The hold as it is.
    pub record: HoldRecord,
    /// Whether an earlier request with the same key placed it.
    pub replayed: bool,
}

/// Why a hold is not placed.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The idempotency key came with other parameters before.
    #[error("the idempotency key was used with other parameters")]
    KeyReused,
    /// The database failed, or refused a value.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for PlaceError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Places a hold. Erasures read it before each batch from now on.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or refuses a value.
    pub async fn place_hold(&self, new: &NewHold, origin: &Origin) -> Result<HoldRecord, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            act_for(conn, &new.organisation).await?;
            insert(conn, new, origin).await
        })
        .await
    }

    /// As [`Store::place_hold`], once for each key.
    ///
    /// # Errors
    /// [`PlaceError`]; nothing was written then.
    pub async fn place_hold_once(
        &self,
        new: &NewHold,
        key: &Idempotency,
        origin: &Origin,
    ) -> Result<PlacedHold, PlaceError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            if let Some(record) = known(conn, &new.organisation, key).await? {
                return Ok(PlacedHold { record, replayed: true });
            }
            let record = insert(conn, new, origin).await?;
            idempotency::remember(conn, &new.organisation, key, Named::Hold(new.id)).await?;
            Ok(PlacedHold { record, replayed: false })
        })
        .await
    }

    /// The hold that the same request placed before, for requests that must not be checked again: what they
    /// were checked against may be another by the time they are repeated.
    ///
    /// # Errors
    /// [`PlaceError`], above all [`PlaceError::KeyReused`].
    pub async fn placed_before(
        &self,
        organisation: &OrganisationId,
        key: &Idempotency,
    ) -> Result<Option<HoldRecord>, PlaceError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| known(conn, organisation, key).await).await
    }
}

/// Begins the transaction of a request with a key; the hold that it names.
async fn known(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    key: &Idempotency,
) -> Result<Option<HoldRecord>, PlaceError> {
    act_for(conn, organisation).await?;
    let hold: Uuid = match idempotency::look_up(conn, organisation, key).await? {
        Known::Same(Named::Hold(hold)) => hold,
        Known::Same(Named::Job(_)) => return Err(Named::another().into()),
        Known::Different => return Err(PlaceError::KeyReused),
        Known::No => return Ok(None),
    };
    let record = legal_holds::table.find(hold).select(HoldRecord::as_select()).first(conn).await?;
    Ok(Some(record))
}

async fn insert(
    conn: &mut AsyncPgConnection,
    new: &NewHold,
    origin: &Origin,
) -> Result<HoldRecord, StoreError> {
    let placed = diesel::insert_into(legal_holds::table)
        .values((
            legal_holds::id.eq(new.id),
            legal_holds::organisation_id.eq(new.organisation.as_str()),
            legal_holds::scope.eq(&new.scope),
            legal_holds::sealed.eq(new.sealed.as_deref()),
            legal_holds::ground.eq(&new.ground),
            legal_holds::owner.eq(&new.owner),
            legal_holds::review_on.eq(new.review_on),
            legal_holds::placed_by.eq(&origin.actor.subject),
        ))
        .returning(HoldRecord::as_returning())
        .get_result(conn)
        .await?;
    told(conn, (&new.organisation, new.id), origin, Action::HoldPlaced).await?;
    Ok(placed)
}
