//! When a hold binds: the lock that erasing batches share, and that whoever places a hold takes alone.

use domain::id::OrganisationId;
use tokio_postgres::types::Type;

use crate::erase::write::EraseTransaction;
use crate::error::StoreError;

/// What a batch does before it reads the holds; `$1` is the organisation's id.
pub(crate) const SHARED: &str = "\
SELECT pg_catalog.pg_advisory_xact_lock_shared(pg_catalog.hashtextextended(\
pg_catalog.concat_ws('/', 'lethe.holds', $1::pg_catalog.text), 0))";

impl EraseTransaction {
    /// Shares the lock of the organisation's holds with other batches until the end of the transaction.
    /// Holds that are read afterwards are all that bind it.
    ///
    /// # Errors
    /// When somebody makes a hold bind for longer than a lock may be waited for, or the store fails.
    pub async fn share_holds(&self, organisation: &OrganisationId) -> Result<(), StoreError> {
        let locked = self.client()?.execute_typed(SHARED, &[(&organisation.as_str(), Type::TEXT)]).await;
        locked.map(drop).map_err(|error| self.failed(error))
    }
}
