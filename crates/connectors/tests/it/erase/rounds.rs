//! Rows that were written more than half a round of transaction numbers ago: they keep their numbers, which
//! then look like those of transactions to come.

use connectors::erase::{
    DanglingRead, EraseScope, Expected, PseudonymKey, Remainder, Rows, Verification, Writers, dangling, look,
};
use domain::datamap::Strategy;
use domain::erasure::Guard;
use domain::id::OrganisationId;

use crate::erase::support::{KEY, changes_of, key, whole};
use crate::support::{Bench, TestDatabase, far_future};

/// A view may have a column of that name: so a row is of any age without a server that is.
const SCHEMA: &str = "
CREATE TABLE org (id int PRIMARY KEY);
CREATE TABLE customer (id int PRIMARY KEY);
CREATE TABLE aged (id int PRIMARY KEY, org int, customer int, note text, ago int8);
CREATE FUNCTION of_ago(ago int8) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT (pg_catalog.mod(pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::int8 - ago + 4294967296, 4294967296))::text
$$;
CREATE VIEW visit AS SELECT id, org, customer, note, of_ago(ago)::xid AS xmin FROM aged;
INSERT INTO org VALUES (1);
INSERT INTO aged VALUES (1, 1, 7, 'since', 50000), (2, 1, 7, 'before', 1000000), (3, 1, 7, 'long before', 3000000000);
";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}]
  - name: customer
    fields: [{name: id, fides_meta: {primary_key: true}}]
  - name: visit
    lethe: {tenant: org}
    fields:
    - {name: id}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: customer}
    - {name: note, data_categories: [user.content]}
";

/// The job's first transaction, between the rows.
async fn first(database: &TestDatabase) -> String {
    database.client.query_one("SELECT of_ago(100000)", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_row_of_half_a_round_ago_was_never_written_by_the_job() {
    let database = TestDatabase::with(SCHEMA).await;
    let bench = Bench::new(database.store(), MAP).await;
    let (organisation, key) = (OrganisationId::parse("1").unwrap(), PseudonymKey::new(&KEY));
    let (all, changes) = (whole(), changes_of(&[("note", Strategy::FormatPreserving)]));
    let (visits, scope) = (bench.collection("visit"), EraseScope::all(&organisation, far_future()));
    let expected = Expected::Anonymised { changes: &changes, key: &key };
    let plan = [Verification::plan(visits, &bench.schema, &scope, &Rows::Range(&all), expected).unwrap()];
    let (config, ids) = (database.config(""), vec![first(&database).await]);
    let looked = look(&config, &plan, &Writers { ids: ids.clone(), complete: true }).await.unwrap().remove(0);
    let of = |rows| vec![Remainder { table: visits.table.clone(), column: Some("note".to_owned()), rows }];
    assert_eq!((looked.remainders, looked.undecided), (of(2), of(1)));
    // Those of which it is not known may have been before the first that is.
    let looked = look(&config, &plan, &Writers { ids, complete: false }).await.unwrap().remove(0);
    assert_eq!((looked.remainders, looked.undecided), (vec![], of(3)));
}

#[tokio::test]
async fn a_row_of_half_a_round_ago_has_not_come_meanwhile() {
    let database = TestDatabase::with(SCHEMA).await;
    let bench = Bench::new(database.store(), MAP).await;
    let table = |name| bench.collection(name).table.clone();
    let reference = Guard {
        table: table("visit"),
        columns: key(&["customer"]),
        target_columns: key(&["id"]),
        aside: None,
    };
    let read = DanglingRead::plan(&bench.schema, &table("customer"), &reference).unwrap();
    let horizon = first(&database).await;
    let rows = dangling(&database.config(""), &read, (&horizon, &Writers::default())).await.unwrap();
    assert_eq!(rows, 1);
}
