//! When a hold binds: the lock that erasing batches share, and that whoever places a hold takes alone.
//!
//! A batch takes the lock in its own transaction, shared with other batches, and reads the holds after it.
//! Whoever has placed a hold takes it alone, once, and lets it go: then every batch that has not read the
//! hold has ended, and every later one reads it. The lock is the database's, named by the organisation, so
//! that programs who share nothing else meet in it.

use std::time::{Duration, Instant};

use domain::id::OrganisationId;
use tokio::time::timeout;
use tokio_postgres::types::Type;

use crate::erase::write::EraseTransaction;
use crate::error::{StoreError, StoreErrorKind};
use crate::pool::{Limits, SubjectStore};
use crate::session::Session;

/// What a batch does before it reads the holds; `$1` is the organisation's id.
pub(crate) const SHARED: &str = "\
SELECT pg_catalog.pg_advisory_xact_lock_shared(pg_catalog.hashtextextended(\
pg_catalog.concat_ws('/', 'lethe.holds', $1::pg_catalog.text), 0))";

/// What whoever has placed a hold does; `$1` is the organisation's id.
const ALONE: &str = "\
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(\
pg_catalog.concat_ws('/', 'lethe.holds', $1::pg_catalog.text), 0))";

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";

/// How much longer than a lock may be waited for an answer takes, at most.
const ANSWER: Duration = Duration::from_secs(1);

const REPLICA: &str = "the url of a store must be its primary's: on a replica no hold can be made to bind";

/// Whether the holds that were placed before bind every batch of the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// They do: what may not have read them has ended.
    Yes,
    /// A batch that may not have read them is still in its transaction.
    NotYet,
}

impl SubjectStore {
    /// Waits until every batch that may not have read the organisation's latest holds has ended, on the
    /// primary, over a connection of its own: whoever waits here keeps nobody from reading.
    ///
    /// # Errors
    /// When the store fails or cannot be reached in time, or its `url` leads to a replica: a lock there
    /// binds nobody.
    pub async fn bind_holds(
        &self,
        organisation: &OrganisationId,
        within: Duration,
    ) -> Result<Bound, StoreError> {
        let until = Instant::now() + within;
        let late = |_| StoreError::new(self.name(), StoreErrorKind::Unreachable);
        let session = timeout(within, self.begin_binding()).await.map_err(late)??;
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let locked = timeout(left + ANSWER, lock(&session, organisation, left)).await.map_err(late)?;
        let bound = match locked {
            Ok(()) => Bound::Yes,
            Err(error) if error.sqlstate() == Some("55P03") => Bound::NotYet,
            Err(error) => return Err(error),
        };
        timeout(ANSWER, session.rollback()).await.map_err(late)??;
        Ok(bound)
    }

    async fn begin_binding(&self) -> Result<Session, StoreError> {
        let primary = self.primary()?;
        let client = primary.checkout().await?;
        let limits = Limits { statement: Duration::ZERO, lock: Duration::ZERO };
        let session = Session::begin(client, self.name(), primary.transport(), limits, BEGIN).await?;
        let failed = |error| session.failed(error);
        let asked = session.client()?.query_typed_one("SELECT pg_catalog.pg_is_in_recovery()", &[]).await;
        if asked.and_then(|row| row.try_get(0)).map_err(failed)? {
            session.rollback().await?;
            return Err(StoreError::new(self.name(), StoreErrorKind::Configuration(REPLICA)));
        }
        Ok(session)
    }
}

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

async fn lock(session: &Session, organisation: &OrganisationId, left: Duration) -> Result<(), StoreError> {
    session.execute(&format!("SET LOCAL lock_timeout = {}", left.as_millis())).await?;
    let locked = session.client()?.execute_typed(ALONE, &[(&organisation.as_str(), Type::TEXT)]).await;
    locked.map(drop).map_err(|error| session.failed(error))
}
