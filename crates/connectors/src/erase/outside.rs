//! Triggers that may do what a rollback does not undo.

use domain::schema::TableName;

use crate::erase::facts::catalogue;
use crate::error::StoreError;
use crate::pool::SubjectStore;

/// What the server's own functions do stays inside the transaction, and so does what a language can do
/// that the server trusts, unless the function calls what leads outside. A message (NOTIFY) goes out at
/// the end of a transaction that is kept, and never of one that is rolled back.
const OUTSIDE: &str = r"
SELECT t.schema, t.name, g.tgname::pg_catalog.text,
       CASE WHEN NOT l.lanpltrusted
            THEN pg_catalog.format('its function is written in %s, which may do anything', l.lanname)
            WHEN f.prosrc ~* '\mdblink' THEN 'its function calls dblink, which speaks to another server'
            WHEN o.foreign_table IS NOT NULL
            THEN pg_catalog.format('its function names the foreign table %s', o.foreign_table)
            ELSE 'its function sends a message to other sessions (NOTIFY)' END,
       l.lanpltrusted AND f.prosrc !~* '\mdblink' AND o.foreign_table IS NULL
FROM pg_catalog.pg_trigger g
JOIN places p ON p.member = g.tgrelid
JOIN named t ON t.root = p.root
JOIN pg_catalog.pg_proc f ON f.oid = g.tgfoid
JOIN pg_catalog.pg_language l ON l.oid = f.prolang
LEFT JOIN LATERAL (
    SELECT pg_catalog.min(c.relname::pg_catalog.text) AS foreign_table FROM pg_catalog.pg_class c
    WHERE c.relkind = 'f' AND pg_catalog.strpos(f.prosrc, c.relname) > 0
) o ON TRUE
WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND g.tgenabled IN ('O', 'A') AND g.tgtype & 24 <> 0
  AND f.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace
  AND (NOT l.lanpltrusted OR f.prosrc ~* '\m(dblink|pg_notify|notify\M)' OR o.foreign_table IS NOT NULL)
ORDER BY 1, 2, 3";

/// A trigger of which it is not known that what it does stays inside the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// Its table, or the partitioned one.
    pub table: TableName,
    /// The trigger.
    pub trigger: String,
    /// What leads outside.
    pub why: String,
    /// Whether a rollback undoes it all the same.
    pub undone: bool,
}

impl SubjectStore {
    /// The triggers of these tables on UPDATE or DELETE that may act outside the transaction.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn outside(&self, tables: &[TableName]) -> Result<Vec<Outside>, StoreError> {
        let transaction = self.begin_read().await?;
        let failed = |error| transaction.failed(error);
        let one = |row: &tokio_postgres::Row| {
            let table = TableName { schema: row.try_get(0)?, table: row.try_get(1)? };
            Ok(Outside { table, trigger: row.try_get(2)?, why: row.try_get(3)?, undone: row.try_get(4)? })
        };
        let rows = catalogue(&transaction, OUTSIDE, tables).await?;
        let found = rows.iter().map(one).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        transaction.finish().await?;
        Ok(found)
    }
}
