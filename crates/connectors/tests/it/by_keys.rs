//! Rows that are exported by their keys: one person's, however many there are.

use connectors::{CollectionRead, ExportScope, MediaRead};
use domain::export::ExportFormat;
use domain::id::OrganisationId;
use futures::TryStreamExt as _;

use crate::support::{Bench, TestDatabase, copied, far_future, firsts};

const SCHEMA: &str = r#"
CREATE TABLE org (id text PRIMARY KEY);
CREATE TABLE note (code text, part int, org_id text NOT NULL, file text, PRIMARY KEY (code, part));
CREATE TABLE event (id bigint PRIMARY KEY, org_id text NOT NULL, url text);
INSERT INTO org VALUES ('o1'), ('o2');
INSERT INTO note SELECT c, p, CASE WHEN p = 3 THEN 'o2' ELSE 'o1' END, 'file of ' || c
FROM unnest(ARRAY['', 'NULL', 'a,b', '{c}', '"d"', 'e\f', ' g ', E'h\ni', '''', 'é', '\N']) c, generate_series(1, 3) p;
INSERT INTO event SELECT g, 'o1', 'https://shop.example/' || g FROM generate_series(1, 20000) g;
ANALYZE;
"#;

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}]
  - name: note
    lethe: {tenant: org_id, media: {key: file}}
    fields:
    - {name: code, fides_meta: {primary_key: true}}
    - {name: part, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: file}
  - name: event
    lethe: {tenant: org_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: url}
";

fn scope<'a>(organisation: &'a OrganisationId, only: &'a [Vec<String>]) -> ExportScope<'a> {
    ExportScope { organisation, cutoff_at: far_future(), formats: ExportFormat::Json, only: Some(only) }
}

#[tokio::test]
async fn every_key_finds_its_row_and_no_other() {
    let database = TestDatabase::with(SCHEMA).await;
    let bench = Bench::new(database.store(), MAP).await;
    let organisation = OrganisationId::parse("o1").unwrap();
    let all = "SELECT code, part::text FROM note ORDER BY 1, 2";
    let all: Vec<Vec<String>> = database
        .client
        .query(all, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| vec![row.get(0), row.get(1)])
        .collect();
    let (note, schema) = (bench.collection("note"), &bench.schema);
    for key in &all {
        let only = std::slice::from_ref(key);
        let read = CollectionRead::plan(note, schema, &scope(&organisation, only), None).unwrap();
        let mut transaction = bench.store.begin_read().await.unwrap();
        let rows = copied(&mut transaction, &read).await.unwrap();
        let expected = if key[1] == "3" { Vec::new() } else { vec![key[0].as_str()] };
        assert_eq!(firsts(&rows), expected, "{key:?}: the third part is another organisation's");
        let media = MediaRead::plan(note, schema, &scope(&organisation, only)).unwrap().unwrap();
        let named: Vec<_> = transaction.media(&media).await.unwrap().try_collect().await.unwrap();
        assert_eq!(named.len(), expected.len());
        transaction.finish().await.unwrap();
    }
    let read = CollectionRead::plan(note, schema, &scope(&organisation, &all), None).unwrap();
    let mut transaction = bench.store.begin_read().await.unwrap();
    assert_eq!(copied(&mut transaction, &read).await.unwrap().len(), all.len() / 3 * 2);
    let read = CollectionRead::plan(note, schema, &scope(&organisation, &[]), None).unwrap();
    assert_eq!(copied(&mut transaction, &read).await.unwrap().len(), 0, "nobody's");
    transaction.finish().await.unwrap();
    // What a cast would cut or round is no key.
    let other = [vec!["a,b".to_owned(), "1 ".to_owned()]];
    let read = CollectionRead::plan(note, schema, &scope(&organisation, &other), None).unwrap();
    let mut transaction = bench.store.begin_read().await.unwrap();
    assert_eq!(copied(&mut transaction, &read).await.unwrap().len(), 0);
    transaction.finish().await.unwrap();
}

/// What the server expects the reading of so many rows by their keys to cost.
async fn cost(database: &TestDatabase, bench: &Bench, rows: usize) -> (f64, usize) {
    let organisation = OrganisationId::parse("o1").unwrap();
    let keys: Vec<Vec<String>> = (1..=rows).map(|id| vec![id.to_string()]).collect();
    let scope = scope(&organisation, &keys);
    let read = CollectionRead::plan(bench.collection("event"), &bench.schema, &scope, None).unwrap();
    let select = read.copy_sql.strip_prefix("COPY (").unwrap().strip_suffix(") TO STDOUT").unwrap();
    let explain = format!("EXPLAIN (FORMAT JSON) {select}");
    let plan: serde_json::Value = database.client.query_one(&explain, &[]).await.unwrap().get(0);
    let cost = plan.pointer("/0/Plan/Total Cost").unwrap().as_f64().unwrap();
    // And it is done.
    let mut transaction = bench.store.begin_read().await.unwrap();
    assert_eq!(copied(&mut transaction, &read).await.unwrap().len(), rows);
    transaction.finish().await.unwrap();
    (cost, read.copy_sql.len())
}

#[tokio::test]
async fn eight_times_as_many_rows_cost_about_eight_times_as_much() {
    let database = TestDatabase::with(SCHEMA).await;
    let bench = Bench::new(database.store(), MAP).await;
    let ((few, short), (many, long)) =
        (cost(&database, &bench, 2_500).await, cost(&database, &bench, 20_000).await);
    assert!(many <= few * 10.0, "{many} for 20,000 rows, {few} for 2,500");
    assert!(long <= short * 10);
    // A comparison for each key would be many times as long as the keys.
    assert!(long <= 20_000 * 10, "{long} bytes for 20,000 keys");
}
