//! What a transaction has done to tables, by the server's own counters, beside what it was to do.
//!
//! A statement reports its own rows. What a foreign key, a trigger or a rule does besides goes unreported,
//! but not uncounted: a table that was to stay as it is and does not, shows here.

use std::collections::BTreeMap;
use std::fmt;

use domain::schema::TableName;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::erase::statement::EraseStatement;
use crate::erase::write::EraseTransaction;
use crate::error::StoreError;

/// What `pg_stat_xact_all_tables` shows, without its joins, for tables whose numbers are not zero, and
/// whether each is a partition. The server makes its own tables before any other, with numbers below 16384.
/// Asked twice for each batch: what makes it dear is planning, so it names no more than it needs.
const READ: &str = "\
SELECT c.oid, (SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = c.relnamespace)::text,
       c.relname::text, x.inserted, x.updated, x.deleted, c.relispartition
FROM pg_catalog.pg_class c
CROSS JOIN LATERAL (SELECT pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid) AS inserted,
                           pg_catalog.pg_stat_get_xact_tuples_updated(c.oid) AS updated,
                           pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid) AS deleted OFFSET 0) x
WHERE c.oid >= 16384 AND c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
  AND (x.inserted <> 0 OR x.updated <> 0 OR x.deleted <> 0)";

/// The ancestors of each of these partitions, itself first and the root last.
const ANCESTORS: &str = "\
SELECT r.partition, n.nspname::text, a.relname::text
FROM pg_catalog.unnest($1::pg_catalog.oid[]) r (partition)
CROSS JOIN LATERAL pg_catalog.pg_partition_ancestors(r.partition) WITH ORDINALITY p (relid, level)
JOIN pg_catalog.pg_class a ON a.oid = p.relid
JOIN pg_catalog.pg_namespace n ON n.oid = a.relnamespace ORDER BY r.partition, p.level";

/// So many rows of one table were inserted, updated and deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changed {
    /// Rows inserted.
    pub inserted: i64,
    /// Rows updated, also those to which the update changed nothing.
    pub updated: i64,
    /// Rows deleted.
    pub deleted: i64,
}

/// What was done, or is to be done, to which tables.
///
/// The counters know what happened, not what lasts: rows that a trigger wrote and undid again, by an
/// exception that it caught, count as written. What a TRUNCATE takes away, and what is done to a foreign
/// table or in another session, does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    changed: BTreeMap<TableName, Changed>,
    /// The root of each partition, whatever its level, that was met.
    roots: BTreeMap<TableName, TableName>,
}

/// A table to which something else was done than was planned. Shown in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unplanned {
    /// The table.
    pub table: TableName,
    /// What was to be done to it.
    pub planned: Changed,
    /// What was done to it.
    pub found: Changed,
}

impl Changed {
    fn plus(self, other: Self) -> Self {
        Self {
            inserted: self.inserted.saturating_add(other.inserted),
            updated: self.updated.saturating_add(other.updated),
            deleted: self.deleted.saturating_add(other.deleted),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            inserted: self.inserted.saturating_sub(other.inserted),
            updated: self.updated.saturating_sub(other.updated),
            deleted: self.deleted.saturating_sub(other.deleted),
        }
    }

    /// Whether these are the same rows when some of them went from one partition to another: that is a
    /// DELETE here and an INSERT there, where one UPDATE was planned.
    fn moved(self, planned: Self) -> bool {
        let moved = self.inserted.saturating_sub(planned.inserted);
        let updated = self.updated.saturating_add(moved);
        moved > 0 && moved == self.deleted.saturating_sub(planned.deleted) && updated == planned.updated
    }
}

impl Effects {
    /// What was done to this table.
    #[must_use]
    pub fn of(&self, table: &TableName) -> Changed {
        self.changed.get(table).copied().unwrap_or_default()
    }

    /// Every table to which something was done.
    pub fn tables(&self) -> impl Iterator<Item = (&TableName, Changed)> {
        self.changed.iter().map(|(table, changed)| (table, *changed))
    }

    /// What was done since `before`, in the same transaction. Only this is the transaction's own: the
    /// counters also have what earlier ones of the same connection did.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let since = self.tables().map(|(table, now)| (table.clone(), now.minus(before.of(table))));
        let changed = since.filter(|(_, changed)| *changed != Changed::default()).collect();
        Self { changed, roots: self.roots.clone() }
    }

    /// Plans what a statement does, which reported so many rows, or is to change so many.
    #[must_use]
    pub fn with(self, statement: &EraseStatement<'_>, rows: u64) -> Self {
        let (rows, none) = (i64::try_from(rows).unwrap_or(i64::MAX), Changed::default());
        let changed = match statement.deletes() {
            true => Changed { deleted: rows, ..none },
            false => Changed { updated: rows, ..none },
        };
        self.and(statement.table(), changed)
    }

    /// Plans one entry in the journal.
    #[must_use]
    pub fn with_entry(self) -> Self {
        let journal = TableName { schema: "lethe".to_owned(), table: "journal".to_owned() };
        self.and(&journal, Changed { inserted: 1, ..Changed::default() })
    }

    /// Adds what is done to a table.
    #[must_use]
    pub fn and(mut self, table: &TableName, changed: Changed) -> Self {
        let known = self.changed.entry(table.clone()).or_default();
        *known = known.plus(changed);
        self
    }

    /// The tables to which something else was done than was planned, in the order of their names.
    #[must_use]
    pub fn unplanned(&self, planned: &Self) -> Vec<Unplanned> {
        let mut expected: BTreeMap<&TableName, Changed> = BTreeMap::new();
        for (table, changed) in planned.tables() {
            let known = expected.entry(self.roots.get(table).unwrap_or(table)).or_default();
            *known = known.plus(changed);
        }
        for table in self.changed.keys() {
            expected.entry(table).or_default();
        }
        let partitioned = |table: &TableName| self.roots.values().any(|root| root == table);
        let differing = expected.into_iter().filter_map(|(table, planned)| {
            let found = self.of(table);
            let same = found == planned || (partitioned(table) && found.moved(planned));
            (!same).then(|| Unplanned { table: table.clone(), planned, found })
        });
        differing.collect()
    }
}

impl fmt::Display for Unplanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.table)?;
        let (found, planned) = (self.found, self.planned);
        let verbs = [
            ("inserted", found.inserted, planned.inserted),
            ("updated", found.updated, planned.updated),
            ("deleted", found.deleted, planned.deleted),
        ];
        let mut lead = "";
        for (verb, found, planned) in verbs.into_iter().filter(|(_, found, planned)| found != planned) {
            match (planned, found) {
                (0, 1) => write!(f, "{lead}1 row {verb} that was not planned")?,
                (0, _) => write!(f, "{lead}{found} rows {verb} that were not planned")?,
                _ if found > planned => write!(f, "{lead}{found} rows {verb} where {planned} were planned")?,
                _ => write!(f, "{lead}only {found} of {planned} rows counted as {verb}")?,
            }
            lead = ", ";
        }
        Ok(())
    }
}

impl EraseTransaction {
    /// What the server has counted in this transaction so far, and in earlier ones of its connection that
    /// it has not accounted for yet: see [`Effects::since`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn effects(&self) -> Result<Effects, StoreError> {
        let counted = self.counted().await?;
        let partitions = counted.iter().filter(|counted| counted.is_partition).map(|counted| counted.oid);
        let mut lines = self.ancestors(&partitions.collect::<Vec<_>>()).await?;
        let mut effects = Effects::default();
        for Counted { oid, table, changed, .. } in counted {
            // A partition counts for its root.
            let mut line = lines.remove(&oid).unwrap_or_default();
            let root = line.pop().unwrap_or(table);
            effects = effects.and(&root, changed);
            effects.roots.extend(line.into_iter().map(|partition| (partition, root.clone())));
        }
        Ok(effects)
    }

    async fn counted(&self) -> Result<Vec<Counted>, StoreError> {
        let counted = |row: &Row| {
            let changed =
                Changed { inserted: row.try_get(3)?, updated: row.try_get(4)?, deleted: row.try_get(5)? };
            let (oid, table) = (row.try_get(0)?, table_at(row, 1)?);
            Ok(Counted { oid, table, changed, is_partition: row.try_get(6)? })
        };
        let rows = self.client()?.query_typed(READ, &[]).await;
        rows.and_then(|rows| rows.iter().map(counted).collect()).map_err(|error| self.failed(error))
    }

    /// Each partition's own line: itself and those above it, the root last.
    async fn ancestors(&self, partitions: &[u32]) -> Result<BTreeMap<u32, Vec<TableName>>, StoreError> {
        let mut lines: BTreeMap<u32, Vec<TableName>> = BTreeMap::new();
        if partitions.is_empty() {
            return Ok(lines);
        }
        let failed = |error| self.failed(error);
        let rows = self.client()?.query_typed(ANCESTORS, &[(&partitions, Type::OID_ARRAY)]).await;
        for row in rows.map_err(failed)? {
            let table = table_at(&row, 1).map_err(failed)?;
            lines.entry(row.try_get(0).map_err(failed)?).or_default().push(table);
        }
        Ok(lines)
    }
}

/// A table with what was counted for it.
struct Counted {
    oid: u32,
    table: TableName,
    changed: Changed,
    is_partition: bool,
}

/// The table whose schema and name stand in the row from there on.
fn table_at(row: &Row, at: usize) -> Result<TableName, tokio_postgres::Error> {
    Ok(TableName { schema: row.try_get(at)?, table: row.try_get(at.saturating_add(1))? })
}

#[cfg(test)]
mod tests;
