//! Holds as an erasure obeys them: with the sealed values that they are found by.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable};
use diesel_async::RunQueryDsl;
use domain::id::{JobId, OrganisationId};
use domain::job::StepKind;
use uuid::Uuid;

use crate::error::StoreError;
use crate::pool::Store;
use crate::schema::{job_steps, legal_holds};

/// A hold as an erasure obeys it. `Debug` shows no sealed value.
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
    /// When it was released, if it was.
    pub released_at: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for ActiveHold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActiveHold")
            .field("id", &self.id)
            .field("ground", &self.ground)
            .finish_non_exhaustive()
    }
}

/// The organisation's holds, in the order in which they were placed.
fn placed(organisation: &OrganisationId) -> legal_holds::BoxedQuery<'_, Pg> {
    legal_holds::table
        .filter(legal_holds::organisation_id.eq(organisation.as_str()))
        .order((legal_holds::placed_at, legal_holds::id))
        .into_boxed()
}

/// That a hold is in effect, or was when the rows of the job were planned or later.
fn met(job: JobId) -> Box<dyn BoxableExpression<legal_holds::table, Pg, SqlType = Nullable<Bool>>> {
    let planned = job_steps::table
        .filter(job_steps::job_id.eq(job.0))
        .filter(job_steps::kind.eq(StepKind::PlanErasure.name()))
        .select(diesel::dsl::max(job_steps::ended_at))
        .single_value();
    Box::new(legal_holds::released_at.is_null().nullable().or(legal_holds::released_at.ge(planned)))
}

impl Store {
    /// The holds that an erasure of the organisation has to obey now.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or refuses: only the erasure worker may ask.
    pub async fn active_holds(&self, organisation: &OrganisationId) -> Result<Vec<ActiveHold>, StoreError> {
        let mut conn = self.conn().await?;
        let holds = placed(organisation).filter(legal_holds::released_at.is_null());
        Ok(holds.select(ActiveHold::as_select()).load(&mut conn).await?)
    }

    /// The ids of the holds that an erasure of the organisation has to obey now, in the order of
    /// [`Store::active_holds`]: so cheap that it is asked before each batch.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or refuses: only the erasure worker may ask.
    pub async fn active_hold_ids(&self, organisation: &OrganisationId) -> Result<Vec<Uuid>, StoreError> {
        let mut conn = self.conn().await?;
        let holds = placed(organisation).filter(legal_holds::released_at.is_null());
        Ok(holds.select(legal_holds::id).load(&mut conn).await?)
    }

    /// As [`Store::active_holds`], with those that were released after the rows of this erasure were planned:
    /// its steps may have obeyed them.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or refuses: only the erasure worker may ask.
    pub async fn holds_met(
        &self,
        organisation: &OrganisationId,
        job: JobId,
    ) -> Result<Vec<ActiveHold>, StoreError> {
        let mut conn = self.conn().await?;
        let holds = placed(organisation).filter(met(job));
        Ok(holds.select(ActiveHold::as_select()).load(&mut conn).await?)
    }

    /// The ids of [`Store::holds_met`].
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or refuses: only the erasure worker may ask.
    pub async fn hold_ids_met(
        &self,
        organisation: &OrganisationId,
        job: JobId,
    ) -> Result<Vec<Uuid>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(placed(organisation).filter(met(job)).select(legal_holds::id).load(&mut conn).await?)
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
