//! Foreign keys, keys and indexes, taken away while rows are loaded and put back over the finished tables.
//!
//! Kept up row by row they cost more than all the rest of a load; put back afterwards each is one pass.

use tokio_postgres::Transaction;

use crate::error::{During, SampleError};
use crate::tables::TABLES;

/// The commands that put back what was taken away: keys, then indexes, then the foreign keys that stand on keys.
pub(crate) struct Deferred {
    restore: Vec<String>,
}

const INDEXES: &str = "
SELECT format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
WHERE t.relnamespace = 'public'::regnamespace AND t.relname = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
ORDER BY 2";

const CONSTRAINTS: &str = "
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
WHERE t.relnamespace = 'public'::regnamespace AND t.relname = ANY ($1) AND (c.contype = 'f') = $2
  AND c.contype IN ('p', 'u', 'f')
ORDER BY 2";

impl Deferred {
    /// Takes them away.
    pub(crate) async fn take(transaction: &Transaction<'_>) -> Result<Self, SampleError> {
        let tables = TABLES.map(|table| table.name).to_vec();
        let step = "reading keys and indexes";
        let foreign_keys = transaction.query(CONSTRAINTS, &[&tables, &true]).await.during(step)?;
        let keys = transaction.query(CONSTRAINTS, &[&tables, &false]).await.during(step)?;
        let indexes = transaction.query(INDEXES, &[&tables]).await.during(step)?;
        let drop: Vec<String> =
            foreign_keys.iter().chain(&keys).chain(&indexes).map(|row| row.get(0)).collect();
        transaction.batch_execute(&drop.join(";\n")).await.during("taking away keys and indexes")?;
        let restore = keys.iter().chain(&indexes).chain(&foreign_keys).map(|row| row.get(1)).collect();
        Ok(Self { restore })
    }

    /// Puts them back, and tells `done` how many of how many stand.
    pub(crate) async fn put_back(
        self,
        transaction: &Transaction<'_>,
        mut done: impl FnMut(usize, usize),
    ) -> Result<(), SampleError> {
        let all = self.restore.len();
        for (number, command) in (1..).zip(self.restore) {
            transaction.batch_execute(&command).await.during(&command)?;
            done(number, all);
        }
        Ok(())
    }
}
