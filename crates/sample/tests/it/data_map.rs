//! The data map and the schema say the same.

use std::collections::{BTreeMap, BTreeSet};

use sample::DATA_MAP;
use serde_json::Value;

use crate::database::Database;

fn collections() -> Vec<Value> {
    let map: Value = serde_saphyr::from_str(DATA_MAP).unwrap();
    map["dataset"][0]["collections"].as_array().unwrap().clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn fields(collection: &Value) -> &Vec<Value> {
    collection["fields"].as_array().unwrap()
}

type Columns = BTreeMap<String, BTreeSet<String>>;

async fn columns(database: &Database, sql: &str) -> Columns {
    let mut columns = Columns::new();
    for row in database.client.query(sql, &[]).await.unwrap() {
        columns.entry(row.get(0)).or_default().insert(row.get(1));
    }
    columns
}

fn mapped(keep: impl Fn(&Value) -> bool) -> Columns {
    let columns = |collection: &Value| {
        fields(collection).iter().filter(|field| keep(field)).map(|field| text(&field["name"])).collect()
    };
    collections().iter().map(|collection| (text(&collection["name"]), columns(collection))).collect()
}

#[tokio::test]
async fn every_table_and_column_is_mapped_and_nothing_else() {
    let database = Database::created().await;
    let live = "SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped";
    assert_eq!(columns(&database, live).await, mapped(|_| true));
    let keys = format!(
        "{live} AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey))"
    );
    assert_eq!(
        columns(&database, &keys).await,
        mapped(|field| field["fides_meta"]["primary_key"] == Value::Bool(true))
    );
    database.remove().await;
}

/// A column with a foreign key names its target, directly or through the table that the key leads to.
#[tokio::test]
async fn foreign_keys_are_references() {
    let database = Database::created().await;
    let keys =
        "SELECT c.relname::text, a.attname::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (k.conkey)
                WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace";
    let references = mapped(|field| field["fides_meta"]["references"].is_array());
    for (table, columns) in columns(&database, keys).await {
        assert!(
            columns.is_subset(&references[&table]),
            "{table}: {columns:?} beside {:?}",
            references[&table]
        );
    }
    database.remove().await;
}

#[test]
fn everything_is_described_and_every_reference_leads_somewhere() {
    let known = mapped(|_| true);
    for collection in collections() {
        let name = text(&collection["name"]);
        assert!(
            !text(&collection["description"]).is_empty() && collection["lethe"]["tenant"] != Value::Null,
            "{name}"
        );
        for field in fields(&collection) {
            assert!(!text(&field["description"]).is_empty(), "{name}.{}", field["name"]);
            for reference in field["fides_meta"]["references"].as_array().into_iter().flatten() {
                let target = text(&reference["field"]);
                let (table, column) = target.split_once('.').unwrap();
                assert!(known[table].contains(column), "{name} leads to {target}");
            }
        }
    }
}

#[test]
fn secrets_are_marked() {
    let secrets: BTreeSet<String> = collections()
        .iter()
        .flat_map(|collection| {
            let name = text(&collection["name"]);
            let secret = |field: &&Value| field["lethe"]["secret"] == Value::Bool(true);
            fields(collection)
                .iter()
                .filter(secret)
                .map(|field| format!("{name}.{}", text(&field["name"])))
                .collect::<Vec<_>>()
        })
        .collect();
    let expected = [
        "oauth_tokens.access_token",
        "oauth_tokens.refresh_token",
        "users.password_hash",
        "users.totp_secret",
    ];
    assert_eq!(secrets, expected.map(str::to_owned).into());
}
