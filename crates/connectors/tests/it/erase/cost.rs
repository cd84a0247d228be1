//! One look at the whole, or several at its parts: what the server estimates decides, and the answer is the same.

use connectors::KeyRange;
use connectors::erase::{EraseScope, Expected, Looked, RowKeys, Rows, Verification, Writers, look_and_name};
use domain::hold::{Comparison, Operator};
use domain::id::OrganisationId;

use crate::erase::support::{hold, hold_on, key, whole};
use crate::support::{Bench, TestDatabase, far_future};

/// Each organisation's rows lie together, their keys anywhere.
const SCHEMA: &str = "
CREATE TABLE org (id int PRIMARY KEY, name text);
CREATE TABLE visit (id int PRIMARY KEY, org int NOT NULL REFERENCES org, at timestamptz NOT NULL, note text);
INSERT INTO org SELECT i, 'org' FROM generate_series(1, 10) i;
INSERT INTO visit
SELECT i * 7919 % 40000, 1 + i / 4000, '2024-01-01', repeat('x', 400) FROM generate_series(0, 39999) i";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id, name: name}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: visit
    lethe: {tenant: org, created_at: at}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: at}
    - {name: note}
";

/// By how many questions the third organisation is looked at, which may be one or four by its key, and what is
/// found by these and by the four.
async fn asked(more: &str) -> (usize, Looked, Looked) {
    let database = TestDatabase::with(SCHEMA).await;
    for statement in [more, "VACUUM (ANALYZE) visit"] {
        database.client.batch_execute(statement).await.unwrap();
    }
    let config = database.config("");
    let bench = Bench::new(connectors::SubjectStore::connect(&config).unwrap(), MAP).await;
    let organisation = OrganisationId::parse("3").unwrap();
    let at_least =
        Comparison { column: "id".to_owned(), operator: Operator::AtLeast, value: "39000".to_owned() };
    let (named, said) = (hold_on(&[key(&["32000"]), key(&["7838"])]), hold(vec![at_least]));
    let holds = [named, said];
    let scope = EraseScope { holds: &holds, ..EraseScope::all(&organisation, far_future()) };
    let plan = |range: &KeyRange| {
        let (collection, rows) = (bench.collection("visit"), Rows::Range(range));
        Verification::plan(collection, &bench.schema, &scope, &rows, Expected::Deleted).unwrap()
    };
    let bounds = [None, Some("10000"), Some("20000"), Some("30000"), None];
    let quarter = |bounds: &[Option<&str>]| KeyRange {
        columns: key(&["id"]),
        from: bounds[0].map(|bound| key(&[bound])),
        to: bounds[1].map(|bound| key(&[bound])),
    };
    let (all, parts) =
        (plan(&whole()), bounds.windows(2).map(|pair| plan(&quarter(pair))).collect::<Vec<_>>());
    let sum = |looked: Vec<Looked>| looked.into_iter().fold(Looked::default(), Looked::and);
    let writers = Writers::default();
    let chosen = look_and_name(&config, &parts, Some(&all), &writers, 1_000).await.unwrap();
    let by_parts = look_and_name(&config, &parts, None, &writers, 1_000).await.unwrap();
    assert_eq!(by_parts.len(), 4);
    (chosen.len(), sum(chosen), sum(by_parts))
}

#[tokio::test]
async fn an_index_that_knows_the_organisation_is_read_once() {
    let (questions, found, by_parts) = asked("CREATE INDEX ON visit (org)").await;
    assert_eq!(questions, 1);
    assert_eq!(found.remainders[0].rows, 4000 - 2 - 102);
    assert_eq!(found.keys.values().map(|RowKeys(keys)| keys.len()).sum::<usize>(), 2 + 102);
    assert_eq!(found, by_parts);
}

#[tokio::test]
async fn rows_in_the_order_of_their_keys_are_read_by_parts() {
    let (questions, found, by_parts) = asked("CLUSTER visit USING visit_pkey").await;
    assert_eq!(questions, 4, "each part reads a quarter, and side by side");
    assert_eq!(found.remainders[0].rows, 4000 - 2 - 102);
    assert_eq!(found.keys.values().map(|RowKeys(keys)| keys.len()).sum::<usize>(), 2 + 102);
    assert_eq!(found, by_parts);
}
