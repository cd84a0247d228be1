//! Holds as an erasure obeys them: with the sealed values that they are found by.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::id::OrganisationId;
use uuid::Uuid;

use crate::error::StoreError;
use crate::pool::Store;
use crate::schema::legal_holds;

/// A hold in effect, as an erasure obeys it. `Debug` shows no sealed value.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = legal_holds)]
pub struct ActiveHold {
    /// Its id.
    pub id: Uuid,
    /// What is held, in names only.
    pub scope: serde_json::Value,
    /// The values that it is found by, sealed.
    pub sealed: Option<Vec<u8>>,
    /// The ground of Art. 17(3), by name.
    pub ground: String,
}

impl std::fmt::Debug for ActiveHold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActiveHold")
            .field("id", &self.id)
            .field("ground", &self.ground)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// The holds that an erasure of the organisation has to obey now.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or refuses: only the erasure worker may ask.
    pub async fn active_holds(&self, organisation: &OrganisationId) -> Result<Vec<ActiveHold>, StoreError> {
        let mut conn = self.conn().await?;
        let holds = legal_holds::table
            .filter(legal_holds::organisation_id.eq(organisation.as_str()))
            .filter(legal_holds::released_at.is_null())
            .order((legal_holds::placed_at, legal_holds::id))
            .select(ActiveHold::as_select())
            .load(&mut conn)
            .await?;
        Ok(holds)
    }

    /// The ids of the holds that an erasure of the organisation has to obey now, in the order of
    /// [`Store::active_holds`]: so cheap that it is asked before each batch.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or refuses: only the erasure worker may ask.
    pub async fn active_hold_ids(&self, organisation: &OrganisationId) -> Result<Vec<Uuid>, StoreError> {
        let mut conn = self.conn().await?;
        let ids = legal_holds::table
            .filter(legal_holds::organisation_id.eq(organisation.as_str()))
            .filter(legal_holds::released_at.is_null())
            .order((legal_holds::placed_at, legal_holds::id))
            .select(legal_holds::id)
            .load(&mut conn)
            .await?;
        Ok(ids)
    }

    /// A hold of the organisation, in effect or released, as an erasure obeyed it.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or refuses: only the erasure worker may ask.
    pub async fn obeyed_hold(
        &self,
        organisation: &OrganisationId,
        id: Uuid,
    ) -> Result<Option<ActiveHold>, StoreError> {
        let mut conn = self.conn().await?;
        let found = legal_holds::table
            .find(id)
            .filter(legal_holds::organisation_id.eq(organisation.as_str()))
            .select(ActiveHold::as_select())
            .first(&mut conn)
            .await;
        Ok(found.optional()?)
    }
}
