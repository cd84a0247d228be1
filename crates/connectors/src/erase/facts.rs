//! What a store's catalogues say that erasing must know: foreign keys both ways, triggers, rights.
//!
//! Partitions and inheriting tables are part of the table that is asked for: a statement on it
//! reaches their rows, and what hangs on them alone is set off just the same.

use std::collections::{BTreeMap, BTreeSet};

use domain::erasure::facts::{ForeignKey, ReferentialAction, StoreFacts, TableFacts, Trigger};
use domain::schema::TableName;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::error::StoreError;
use crate::pool::SubjectStore;
use crate::read::ReadTransaction;

/// `places`: the tables asked for and those that refer to them as roots, with all their members.
const PLACES: &str = "\
WITH RECURSIVE listed AS (
    SELECT c.oid
    FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) w (schema, name)
    JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
), inside (root, member) AS (
    SELECT oid, oid FROM listed
    UNION
    SELECT m.root, i.inhrelid FROM inside m JOIN pg_catalog.pg_inherits i ON i.inhparent = m.member
), roots AS (
    SELECT oid FROM listed
    UNION
    SELECT k.conrelid FROM pg_catalog.pg_constraint k
    WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid IN (SELECT member FROM inside)
      AND k.conrelid NOT IN (SELECT member FROM inside)
), places (root, member) AS (
    SELECT oid, oid FROM roots
    UNION
    SELECT m.root, i.inhrelid FROM places m JOIN pg_catalog.pg_inherits i ON i.inhparent = m.member
), named (root, schema, name) AS (
    SELECT c.oid, n.nspname::pg_catalog.text, c.relname::pg_catalog.text
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
)";

/// The rights of the role, and what kind of table it is. A right on a table is none without USAGE
/// on its schema.
const TABLES: &str = "
SELECT t.schema, t.name, c.relkind IN ('r', 'p'), pg_catalog.row_security_active(c.oid),
       s.usage AND pg_catalog.has_table_privilege(c.oid, 'DELETE'),
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND s.usage AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'UPDATE'))
FROM roots r
JOIN named t ON t.root = r.oid
JOIN pg_catalog.pg_class c ON c.oid = r.oid
CROSS JOIN LATERAL (SELECT pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') AS usage) s";

const FOREIGN_KEYS: &str = "
SELECT t.schema, t.name, k.conname::pg_catalog.text,
       ARRAY(SELECT a.attname::pg_catalog.text
             FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY u (attnum, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.place),
       o.schema, o.name,
       ARRAY(SELECT a.attname::pg_catalog.text
             FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY u (attnum, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum ORDER BY u.place),
       k.confdeltype::pg_catalog.text, k.confupdtype::pg_catalog.text
FROM pg_catalog.pg_constraint k
JOIN places p ON p.member = k.conrelid
JOIN named t ON t.root = p.root
LEFT JOIN places q ON q.member = k.confrelid
JOIN named o ON o.root = COALESCE(q.root, k.confrelid)
WHERE k.contype = 'f' AND k.conparentid = 0
ORDER BY k.conname, k.oid";

/// Triggers of the company's own that fire in an ordinary session, and rewrite rules, which change
/// what a statement does and how many rows it reports. `UPDATE OF` a generated column fires also where
/// one is updated that it is computed from.
const TRIGGERS: &str = "
SELECT t.schema, t.name, g.tgname::pg_catalog.text, g.tgtype & 16 <> 0, g.tgtype & 8 <> 0,
       ARRAY(SELECT DISTINCT a.attname::pg_catalog.text
             FROM pg_catalog.unnest(g.tgattr::pg_catalog.int2[]) u (attnum)
             LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = g.tgrelid AND f.adnum = u.attnum
             LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
                 AND d.objid = f.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                 AND d.refobjid = g.tgrelid AND d.refobjsubid > 0
             JOIN pg_catalog.pg_attribute a ON a.attrelid = g.tgrelid AND a.attnum IN (u.attnum, d.refobjsubid)),
       g.tgtype & 1 <> 0, g.tgqual IS NOT NULL
FROM pg_catalog.pg_trigger g JOIN places p ON p.member = g.tgrelid JOIN named t ON t.root = p.root
WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND g.tgenabled IN ('O', 'A') AND g.tgtype & 24 <> 0
UNION ALL
SELECT t.schema, t.name, w.rulename::pg_catalog.text, w.ev_type = '2', w.ev_type = '4', '{}',
       false, false
FROM pg_catalog.pg_rewrite w JOIN roots r ON r.oid = w.ev_class JOIN named t ON t.root = r.oid
WHERE w.ev_type IN ('2', '4') AND w.ev_enabled IN ('O', 'A')
ORDER BY 1, 2, 3";

const UNCOUNTED: &str = "SELECT pg_catalog.current_setting('track_counts') = 'off'";

impl SubjectStore {
    /// What erasing must know of these tables, and of every table that refers to one of them. A
    /// table that is not there is left out.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn facts(&self, tables: &[TableName]) -> Result<StoreFacts, StoreError> {
        let transaction = self.begin_read().await?;
        let failed = |error| transaction.failed(error);
        let mut facts: BTreeMap<TableName, TableFacts> = BTreeMap::new();
        for row in catalogue(&transaction, TABLES, tables).await? {
            let (name, table) = table(&row).map_err(failed)?;
            facts.insert(name, table);
        }
        for row in catalogue(&transaction, FOREIGN_KEYS, tables).await? {
            let (name, key) = foreign_key(&row).map_err(failed)?;
            facts.entry(name).or_default().foreign_keys.push(key);
        }
        for row in catalogue(&transaction, TRIGGERS, tables).await? {
            let (name, trigger) = trigger(&row).map_err(failed)?;
            facts.entry(name).or_default().triggers.push(trigger);
        }
        let counting = transaction.client()?.query_typed_one(UNCOUNTED, &[]).await;
        let uncounted = counting.and_then(|row| row.try_get(0)).map_err(failed)?;
        transaction.finish().await?;
        Ok(StoreFacts { tables: facts, uncounted })
    }
}

/// What a query after [`PLACES`] answers about these tables.
pub(super) async fn catalogue(
    transaction: &ReadTransaction,
    query: &str,
    tables: &[TableName],
) -> Result<Vec<Row>, StoreError> {
    let schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
    let names: Vec<&str> = tables.iter().map(|table| table.table.as_str()).collect();
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)];
    let rows = transaction.client()?.query_typed(&format!("{PLACES}{query}"), &parameters).await;
    rows.map_err(|error| transaction.failed(error))
}

fn name(row: &Row, at: usize) -> Result<TableName, tokio_postgres::Error> {
    Ok(TableName { schema: row.try_get(at)?, table: row.try_get(at + 1)? })
}

fn table(row: &Row) -> Result<(TableName, TableFacts), tokio_postgres::Error> {
    let facts = TableFacts {
        writable_kind: row.try_get(2)?,
        row_security: row.try_get(3)?,
        deletable: row.try_get(4)?,
        updatable: columns(row, 5)?,
        ..TableFacts::default()
    };
    Ok((name(row, 0)?, facts))
}

fn foreign_key(row: &Row) -> Result<(TableName, ForeignKey), tokio_postgres::Error> {
    let key = ForeignKey {
        name: row.try_get(2)?,
        columns: row.try_get(3)?,
        target: name(row, 4)?,
        target_columns: row.try_get(6)?,
        on_delete: action(row.try_get(7)?),
        on_update: action(row.try_get(8)?),
    };
    Ok((name(row, 0)?, key))
}

fn trigger(row: &Row) -> Result<(TableName, Trigger), tokio_postgres::Error> {
    let (on_update, on_delete) = (row.try_get::<_, bool>(3)?, row.try_get(4)?);
    let on_update_of = if on_update { Some(columns(row, 5)?) } else { None };
    let (per_row, conditional) = (row.try_get(6)?, row.try_get(7)?);
    let trigger = Trigger { name: row.try_get(2)?, on_update_of, on_delete, per_row, conditional };
    Ok((name(row, 0)?, trigger))
}

fn columns(row: &Row, at: usize) -> Result<BTreeSet<String>, tokio_postgres::Error> {
    Ok(row.try_get::<_, Vec<String>>(at)?.into_iter().collect())
}

/// `pg_constraint.confdeltype` and `confupdtype`; besides these there are a (no action) and r
/// (restrict).
fn action(code: &str) -> ReferentialAction {
    match code {
        "c" => ReferentialAction::Cascade,
        "n" => ReferentialAction::SetNull,
        "d" => ReferentialAction::SetDefault,
        _ => ReferentialAction::Refuse,
    }
}
