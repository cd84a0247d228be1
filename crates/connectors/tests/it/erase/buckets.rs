//! The buckets that rows name, before any object of theirs is deleted.

use connectors::KeyRange;
use connectors::erase::{BucketsRead, EraseScope, Rows};
use domain::hold::{Comparison, Operator};
use domain::id::OrganisationId;

use crate::erase::support::hold;
use crate::support::{Bench, TestDatabase, far_future};

const MAP: &str = "
dataset:
- fides_key: files
  lethe: {organisation: {collection: tenant, key: id}}
  collections:
  - name: tenant
    fields: [{name: id, fides_meta: {primary_key: true}}]
  - name: asset
    lethe: {tenant: tenant_id, created_at: made_at, MEDIA}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: tenant_id, fides_meta: {references: [{dataset: files, field: tenant.id}]}}
";

const TABLES: &str = "
CREATE EXTENSION citext;
CREATE TABLE tenant (id text PRIMARY KEY);
CREATE TABLE asset (id int PRIMARY KEY, tenant_id text, bucket citext, key text, made_at timestamptz);
INSERT INTO asset VALUES
    (1, '7', 'one', 'org/7/a'), (2, '7', 'One', 'org/7/b'), (3, '7', 'two', 'org/7/c'), (4, '7', 'two', 'org/7/d'),
    (5, '7', '', 'org/7/e'), (6, '7', NULL, 'org/7/f'),
    (7, '7', 'no key', NULL), (8, '7', 'no key either', ''), (9, '7', 'outside', 'org/8/a'),
    (10, '8', 'of another', 'org/8/b'), (12, '7', 'held', 'org/7/h');
INSERT INTO asset VALUES (11, '7', 'later', 'org/7/g', '2998-06-01');
";

async fn unknown(media: &str, rows: &Rows<'_>, known: &[&str]) -> Vec<String> {
    let database = TestDatabase::with(TABLES).await;
    let bench = Bench::new(database.store(), &MAP.replace("MEDIA", media)).await;
    let organisation = OrganisationId::parse("7").unwrap();
    let (column, value) = ("bucket".to_owned(), "held".to_owned());
    let holds = [hold(vec![Comparison { column, operator: Operator::Equal, value }])];
    let cutoff_at: chrono::DateTime<chrono::Utc> = "2998-01-01T00:00:00Z".parse().unwrap();
    let scope = EraseScope { holds: &holds, ..EraseScope::all(&organisation, cutoff_at) };
    let known: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
    let read = BucketsRead::plan(bench.collection("asset"), &bench.schema, &scope, rows, &known);
    let transaction = bench.store.begin_read().await.unwrap();
    let unknown = transaction.unknown_buckets(&read.unwrap().unwrap()).await.unwrap();
    transaction.finish().await.unwrap();
    unknown
}

const MEDIA: &str = "media: {key: key, bucket_column: bucket, prefix: 'org/{organisation}/'}";

#[tokio::test]
async fn names_are_compared_to_the_letter_and_only_of_rows_whose_objects_would_go() {
    let whole = KeyRange::whole();
    let whole = Rows::Range(&whole);
    assert_eq!(unknown(MEDIA, &whole, &[]).await, ["One", "default", "one", "two"]);
    assert_eq!(unknown(MEDIA, &whole, &["one", "default"]).await, ["One", "two"]);
    assert_eq!(unknown(MEDIA, &whole, &["one", "One", "two", "default", "more"]).await, [""; 0]);
    let keys = [vec!["3".to_owned()], vec!["6".to_owned()]];
    assert_eq!(unknown(MEDIA, &Rows::Keys(&keys), &["default"]).await, ["two"]);
}

#[tokio::test]
async fn without_a_column_every_row_is_of_the_default_bucket() {
    let whole = KeyRange::whole();
    let whole = Rows::Range(&whole);
    assert_eq!(unknown("media: {key: key}", &whole, &["one"]).await, ["default"]);
    assert_eq!(unknown("media: {key: key}", &whole, &["default"]).await, [""; 0]);
}

#[tokio::test]
async fn a_collection_without_media_names_none() {
    let database = TestDatabase::with(TABLES).await;
    let bench = Bench::new(database.store(), &MAP.replace("MEDIA", "media: {key: key}")).await;
    let organisation = OrganisationId::parse("7").unwrap();
    let (scope, whole) = (EraseScope::all(&organisation, far_future()), KeyRange::whole());
    let read =
        BucketsRead::plan(bench.collection("tenant"), &bench.schema, &scope, &Rows::Range(&whole), &[]);
    assert!(read.unwrap().is_none());
}
