//! `src/schema.rs` says what the migrations made.

use std::collections::BTreeMap;

use testkit::ControlDatabase;
use tokio_postgres::Client;

/// Tables that no program writes: the triggers' laws and the migrations' own list.
const NOT_IN_SCHEMA: [&str; 3] = ["__diesel_schema_migrations", "job_transitions", "step_transitions"];

#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    primary_key: Vec<String>,
    /// Name, type as in `information_schema`, and whether it can be NULL, in the table's order.
    columns: Vec<(String, String, bool)>,
}

/// The tables that `src/schema.rs` declares.
fn declared() -> BTreeMap<String, Table> {
    let text = include_str!("../../src/schema.rs");
    let mut tables = BTreeMap::new();
    for body in text.split("diesel::table! {").skip(1) {
        let mut lines = body.lines().map(str::trim).filter(|line| !line.is_empty());
        let head = lines.next().unwrap();
        let (name, rest) = head.split_once(" (").unwrap();
        let key = rest.strip_suffix(") {").unwrap();
        let columns =
            lines.map_while(|line| line.strip_suffix(',')?.split_once(" -> ")).map(column).collect();
        let primary_key = key.split(", ").map(str::to_owned).collect();
        tables.insert(name.to_owned(), Table { primary_key, columns });
    }
    tables
}

fn column((name, declared): (&str, &str)) -> (String, String, bool) {
    let inner = declared.strip_prefix("Nullable<").and_then(|rest| rest.strip_suffix('>'));
    let sql = match inner.unwrap_or(declared) {
        "Uuid" => "uuid",
        "Text" => "text",
        "Int4" => "integer",
        "Int8" => "bigint",
        "Bool" => "boolean",
        "Jsonb" => "jsonb",
        "Bytea" => "bytea",
        "Date" => "date",
        "Timestamptz" => "timestamp with time zone",
        other => panic!("teach this test what `{other}` is in SQL"),
    };
    (name.to_owned(), sql.to_owned(), inner.is_some())
}

/// The tables that the database has.
async fn migrated(client: &Client) -> BTreeMap<String, Table> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    let columns = "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' \
                   FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position";
    for row in client.query(columns, &[]).await.unwrap() {
        let table = tables.entry(row.get(0)).or_default();
        table.columns.push((row.get(1), row.get(2), row.get(3)));
    }
    let keys = "SELECT c.conrelid::regclass::text, a.attname::text \
                FROM pg_constraint c CROSS JOIN unnest(c.conkey) WITH ORDINALITY k (attnum, place) \
                JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum \
                WHERE c.contype = 'p' AND c.connamespace = 'public'::regnamespace ORDER BY 1, k.place";
    for row in client.query(keys, &[]).await.unwrap() {
        let table: String = row.get(0);
        tables.get_mut(&table).unwrap().primary_key.push(row.get(1));
    }
    tables
}

#[tokio::test(flavor = "multi_thread")]
async fn the_declared_tables_are_the_migrated_ones() {
    let database = ControlDatabase::create().await;
    let mut migrated = migrated(&database.client().await).await;
    for table in NOT_IN_SCHEMA {
        assert!(migrated.remove(table).is_some(), "{table}");
    }
    let declared = declared();
    assert_eq!(declared.len(), 14);
    assert_eq!(declared, migrated);
}
