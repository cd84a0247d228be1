//! Transactions that are open in a store while an erasure fixes its cutoff.
//!
//! A row that one of them makes may carry a time before the cutoff and appear after everything was
//! erased: `DEFAULT now()` is when its transaction began. So they are noted, and nothing is called
//! complete before each of them has ended. They are told apart by their virtual ids, which every
//! transaction has from its beginning; an ordinary id comes with the first write, however late that is.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::error::StoreError;
use crate::pool::SubjectStore;

/// A transaction that somebody else has open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTransaction {
    /// Its virtual id with the process, or that of a prepared one.
    pub id: String,
    /// The server's process; none for a prepared one.
    pub pid: Option<i32>,
    /// Who has it open.
    pub role: String,
    /// Since when; unknown where the role that asks may not see it.
    pub since: Option<DateTime<Utc>>,
}

/// Each open transaction holds the lock on its own virtual id. What the server does by itself has no user.
/// Ours are those of our roles under our own name: a role alone may be the application's too.
const OPEN: &str = "\
SELECT pg_catalog.concat_ws(' of ', l.virtualtransaction, l.pid::pg_catalog.text), l.pid, a.usename::pg_catalog.text,
       a.xact_start
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
JOIN pg_catalog.pg_database d ON d.oid = a.datid AND d.datname = pg_catalog.current_database()
WHERE l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock' AND l.granted AND a.usename IS NOT NULL
  AND l.pid <> pg_catalog.pg_backend_pid()
  AND NOT (a.usename::pg_catalog.text = ANY ($1) AND pg_catalog.starts_with(a.application_name, 'lethe-'))
ORDER BY l.pid";

const PREPARED: &str = "\
SELECT pg_catalog.concat('prepared ', p.transaction::pg_catalog.text), NULL::pg_catalog.int4, p.owner::pg_catalog.text,
       p.prepared
FROM pg_catalog.pg_prepared_xacts p WHERE p.database = pg_catalog.current_database()
ORDER BY p.prepared";

/// The oldest transaction that may still write, as rows name those that wrote them.
const HORIZON: &str = "\
SELECT (pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::pg_catalog.text::pg_catalog.numeric % 4294967296)::pg_catalog.text";

impl SubjectStore {
    /// The transactions that are open in the database but for those of these roles that are ours.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open_transactions(&self, ours: &[String]) -> Result<Vec<OpenTransaction>, StoreError> {
        let transaction = self.begin_read().await?;
        let failed = |error| transaction.failed(error);
        let roles: [(&(dyn ToSql + Sync), Type); 1] = [(&ours, Type::TEXT_ARRAY)];
        let client = transaction.client()?;
        // In this order: one that is prepared in between is met twice rather than not at all.
        let open = client.query_typed(OPEN, &roles).await.map_err(failed)?;
        let prepared = client.query_typed(PREPARED, &[]).await.map_err(failed)?;
        let found: Result<Vec<_>, _> = open.iter().chain(&prepared).map(read).collect();
        let found = found.map_err(failed)?;
        transaction.finish().await?;
        Ok(found)
    }

    /// Who this store is connected to as.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn session_role(&self) -> Result<String, StoreError> {
        self.one_text("SELECT session_user::pg_catalog.text").await
    }

    /// Rows whose `xmin` is not older than this were written later than now, or may have been.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn horizon(&self) -> Result<String, StoreError> {
        self.one_text(HORIZON).await
    }

    async fn one_text(&self, sql: &str) -> Result<String, StoreError> {
        let transaction = self.begin_read().await?;
        let row = transaction.client()?.query_typed_one(sql, &[]).await;
        let text = row.and_then(|row| row.try_get(0)).map_err(|error| transaction.failed(error))?;
        transaction.finish().await?;
        Ok(text)
    }
}

fn read(row: &Row) -> Result<OpenTransaction, tokio_postgres::Error> {
    Ok(OpenTransaction {
        id: row.try_get(0)?,
        pid: row.try_get(1)?,
        role: row.try_get::<_, Option<String>>(2)?.unwrap_or_default(),
        since: row.try_get(3)?,
    })
}
