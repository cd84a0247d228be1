//! The live schema, read from the catalogues in five queries however many tables there are.

use std::collections::{BTreeMap, BTreeSet};

use domain::datamap::DataMap;
use domain::schema::{Equality, LiveColumn, LiveSchema, Table, TableName, TypeFamily};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::error::StoreError;
use crate::pool::SubjectStore;

/// Columns that the role may read, with their types followed through domains to the base type.
/// A column that it may not read is left out: for us it is not there.
const COLUMNS: &str = "\
WITH RECURSIVE columns AS (
    SELECT n.nspname, c.relname, a.attnum, a.attname, a.atttypid, a.attnotnull, a.attcollation,
           pg_catalog.format_type(a.atttypid, a.atttypmod) AS sql_type,
           a.attgenerated <> '' OR a.attidentity = 'a' AS generated
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
      AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
), steps (declared, type, not_null) AS (
    SELECT DISTINCT atttypid, atttypid, false FROM columns
    UNION ALL
    SELECT s.declared, t.typbasetype, s.not_null OR t.typnotnull
    FROM steps s JOIN pg_catalog.pg_type t ON t.oid = s.type WHERE t.typtype = 'd'
)
SELECT l.nspname::text, l.relname::text, l.attname::text, l.sql_type, l.attnotnull OR s.not_null, l.generated,
       n.nspname::text, t.typname::text, t.typtype::text,
       t.typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc,
       EXISTS (SELECT FROM pg_catalog.pg_collation o WHERE o.oid = l.attcollation AND NOT o.collisdeterministic)
FROM columns l
JOIN steps s ON s.declared = l.atttypid
JOIN pg_catalog.pg_type t ON t.oid = s.type AND t.typtype <> 'd'
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
ORDER BY l.nspname, l.relname, l.attnum";

/// Keys that hold for every row and consist of columns alone: no partial indexes, no expressions.
const KEYS: &str = "\
SELECT n.nspname::text, c.relname::text, i.indisprimary, array_agg(a.attname::text ORDER BY k.position)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, position)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE n.nspname = ANY ($1) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
  AND k.position <= i.indnkeyatts
GROUP BY n.nspname, c.relname, i.indexrelid, i.indisprimary
ORDER BY n.nspname, c.relname, i.indexrelid";

/// The first column of each index by which a row with its value can be found: of all rows, or of all in which it
/// has one.
const INDEXED: &str = "\
SELECT n.nspname::text, c.relname::text, a.attname::text
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = x.relam AND m.amname IN ('btree', 'hash')
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE n.nspname = ANY ($1) AND i.indisvalid
  AND (i.indpred IS NULL OR pg_catalog.pg_get_expr(i.indpred, i.indrelid)
       = '(' || pg_catalog.quote_ident(a.attname) || ' IS NOT NULL)')";

/// Unique indexes that the keys leave out, and exclusion constraints: every column that each of them reads,
/// in an expression or a condition too, which only the dependencies tell.
const KEYS_IN_PART: &str = "\
SELECT n.nspname::text, c.relname::text, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum > 0 AND (
    a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) OR EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = i.indrelid
          AND d.refobjsubid = a.attnum))
WHERE n.nspname = ANY ($1)
  AND (i.indisexclusion OR i.indisunique AND (i.indpred IS NOT NULL OR i.indexprs IS NOT NULL))
GROUP BY n.nspname, c.relname, i.indexrelid
ORDER BY n.nspname, c.relname, i.indexrelid";

/// Tables that inherit from others, partitions aside: those may be anywhere.
const INHERITANCE: &str = "\
SELECT a.nspname::text, p.relname::text, b.nspname::text, c.relname::text
FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_namespace a ON a.oid = p.relnamespace
JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace b ON b.oid = c.relnamespace
WHERE (a.nspname = ANY ($1) OR b.nspname = ANY ($1)) AND p.relkind IN ('r', 'f') AND NOT c.relispartition
ORDER BY 1, 2, 3, 4";

/// Whether the database takes any bytes for text.
const WITHOUT_ENCODING: &str = "SELECT pg_catalog.current_setting('server_encoding') = 'SQL_ASCII'";

/// Those of these time zones that the server does not have. Their names have no case.
const UNKNOWN_ZONES: &str = "\
SELECT z FROM pg_catalog.unnest($1) z
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_timezone_names n WHERE pg_catalog.lower(n.name) = pg_catalog.lower(z))";

impl SubjectStore {
    /// What is in the schemas of which the data map speaks, and what else it names that a server must have.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn live_schema_of(&self, map: &DataMap) -> Result<LiveSchema, StoreError> {
        let datasets = map.datasets.iter().filter(|dataset| dataset.store == self.name());
        let schemas: BTreeSet<&str> = datasets.map(|dataset| dataset.schema.as_str()).collect();
        let schemas: Vec<&str> = schemas.into_iter().collect();
        let zones: Vec<&str> = map.zones(self.name()).into_iter().collect();
        let mut live = self.live_schema(&schemas).await?;
        if !zones.is_empty() {
            live.unknown_zones = self.unknown_zones(zones).await?;
        }
        Ok(live)
    }

    async fn unknown_zones(&self, zones: Vec<&str>) -> Result<BTreeSet<String>, StoreError> {
        let transaction = self.begin_read().await?;
        let failed = |error| transaction.failed(error);
        let rows = transaction.client()?.query_typed(UNKNOWN_ZONES, &[(&zones, Type::TEXT_ARRAY)]).await;
        let rows = rows.map_err(failed)?;
        let unknown = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(failed)?;
        transaction.finish().await?;
        Ok(unknown)
    }

    /// What is in these schemas, as far as the role may read it: tables, partitioned and foreign
    /// tables, views and materialised views.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn live_schema(&self, schemas: &[&str]) -> Result<LiveSchema, StoreError> {
        let transaction = self.begin_read().await?;
        // With nothing on the path, `format_type` writes every type but the built-in ones with its schema.
        transaction.execute("SET LOCAL search_path = ''").await?;
        let failed = |error| transaction.failed(error);
        let client = transaction.client()?;
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 1] =
            [(&schemas, Type::TEXT_ARRAY)];
        let columns = client.query_typed(COLUMNS, &parameters).await.map_err(failed)?;
        let keys = client.query_typed(KEYS, &parameters).await.map_err(failed)?;
        let in_part = client.query_typed(KEYS_IN_PART, &parameters).await.map_err(failed)?;
        let indexed = client.query_typed(INDEXED, &parameters).await.map_err(failed)?;
        let inheritance = client.query_typed(INHERITANCE, &parameters).await.map_err(failed)?;
        let without_encoding = client.query_typed_one(WITHOUT_ENCODING, &[]).await.map_err(failed)?;
        let without_encoding = without_encoding.try_get(0).map_err(failed)?;
        let mut tables: BTreeMap<TableName, Table> = BTreeMap::new();
        for row in &columns {
            let (name, column) = column(row).map_err(failed)?;
            tables.entry(name).or_default().columns.push(column);
        }
        for row in &keys {
            key(row, &mut tables).map_err(failed)?;
        }
        for row in &in_part {
            let name = table_name(row, 0).map_err(failed)?;
            if let Some(table) = tables.get_mut(&name) {
                table.unique_in_part.push(row.try_get(2).map_err(failed)?);
            }
        }
        for row in &indexed {
            if let Some(table) = tables.get_mut(&table_name(row, 0).map_err(failed)?) {
                table.indexed.insert(row.try_get(2).map_err(failed)?);
            }
        }
        for row in &inheritance {
            inherits(row, &mut tables).map_err(failed)?;
        }
        transaction.finish().await?;
        Ok(LiveSchema { tables, without_encoding, ..LiveSchema::default() })
    }
}

fn table_name(row: &Row, at: usize) -> Result<TableName, tokio_postgres::Error> {
    Ok(TableName { schema: row.try_get(at)?, table: row.try_get(at + 1)? })
}

fn inherits(row: &Row, tables: &mut BTreeMap<TableName, Table>) -> Result<(), tokio_postgres::Error> {
    let (parent, child) = (table_name(row, 0)?, table_name(row, 2)?);
    if let Some(table) = tables.get_mut(&parent) {
        table.inherited_by.push(child.clone());
    }
    if let Some(table) = tables.get_mut(&child) {
        table.inherits.push(parent);
    }
    Ok(())
}

fn column(row: &Row) -> Result<(TableName, LiveColumn), tokio_postgres::Error> {
    let name = table_name(row, 0)?;
    let base = BaseType {
        schema: row.try_get(6)?,
        name: row.try_get(7)?,
        kind: row.try_get(8)?,
        is_array: row.try_get(9)?,
    };
    let column = LiveColumn {
        name: row.try_get(2)?,
        sql_type: row.try_get(3)?,
        family: base.family(),
        not_null: row.try_get(4)?,
        generated: row.try_get(5)?,
        equality: base.equality(row.try_get(10)?),
    };
    Ok((name, column))
}

fn key(row: &Row, tables: &mut BTreeMap<TableName, Table>) -> Result<(), tokio_postgres::Error> {
    let (primary, columns) = (row.try_get(2)?, row.try_get(3)?);
    if let Some(table) = tables.get_mut(&table_name(row, 0)?) {
        if primary {
            table.primary_key = columns;
        } else {
            table.unique.push(columns);
        }
    }
    Ok(())
}

/// A type that is no domain.
struct BaseType<'a> {
    schema: &'a str,
    name: &'a str,
    /// `pg_type.typtype`: b base, c composite, e enum, m multirange, p pseudo, r range.
    kind: &'a str,
    is_array: bool,
}

impl BaseType<'_> {
    /// `citext` compares by the database's own collation, whatever the column's is.
    fn equality(&self, collated: bool) -> Equality {
        match (self.name == "citext" && !self.is_array, collated) {
            (true, _) => Equality::WithoutCase,
            (false, true) => Equality::ByCollation,
            (false, false) => Equality::Exact,
        }
    }

    fn family(&self) -> TypeFamily {
        if self.is_array {
            return TypeFamily::Array;
        }
        if self.kind == "e" {
            return TypeFamily::Enum;
        }
        if self.schema != "pg_catalog" {
            return if self.name == "citext" { TypeFamily::Text } else { TypeFamily::Other };
        }
        match self.name {
            "text" | "varchar" | "bpchar" | "char" | "name" => TypeFamily::Text,
            "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" => TypeFamily::Number,
            "bool" => TypeFamily::Boolean,
            "json" | "jsonb" => TypeFamily::Json,
            "timestamp" => TypeFamily::Timestamp,
            "timestamptz" => TypeFamily::TimestampTz,
            "date" => TypeFamily::Date,
            "time" | "timetz" | "interval" => TypeFamily::Time,
            "uuid" => TypeFamily::Uuid,
            "inet" | "cidr" => TypeFamily::Network,
            "bytea" => TypeFamily::Bytes,
            _ => TypeFamily::Other,
        }
    }
}
