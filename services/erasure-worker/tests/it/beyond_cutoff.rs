//! Rows that were made after the cutoff: they stay, they are counted, and a hold on a person finds by them what
//! is that person's.

use serde_json::json;
use testkit::organisation;

use crate::binding::{completed, person};
use crate::released::release;
use crate::world::World;

/// Customers of two organisations, of whom the third was made after any cutoff, with notes that have no time and
/// visits that have one.
const SCHEMA: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE customer (
        id int PRIMARY KEY, org int NOT NULL REFERENCES org, number text NOT NULL, name text, made timestamptz);
    CREATE TABLE note (
        id int PRIMARY KEY, org int NOT NULL REFERENCES org, customer int NOT NULL REFERENCES customer, body text);
    CREATE TABLE visit (
        id int PRIMARY KEY, org int NOT NULL REFERENCES org, customer int NOT NULL REFERENCES customer, page text,
        made timestamptz);
    CREATE INDEX ON note (customer);
    CREATE INDEX ON visit (customer);
    INSERT INTO org VALUES (1, 'One'), (2, 'Two');
    INSERT INTO customer SELECT n, 1 + n / 6, 'C' || n, 'Name ' || n, CASE n WHEN 3 THEN '2098-01-01' ELSE '2024-01-01' END::timestamptz
        FROM generate_series(1, 8) n;
    INSERT INTO note SELECT id, org, id, 'note ' || id FROM customer;
    INSERT INTO visit SELECT id, org, id, 'page ' || id, '2024-01-01' FROM customer;
    INSERT INTO visit VALUES (30, 1, 3, 'page 30', '2098-01-01');";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name, lethe: {strategy: keep}}
  - name: customer
    lethe: {tenant: org, created_at: made}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: number, data_categories: [user.unique_id], lethe: {strategy: keep}, fides_meta: {identity: customer_id}}
    - {name: name, data_categories: [user.name], lethe: {strategy: redact_text}}
    - {name: made}
  - name: note
    lethe: {tenant: org}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: customer, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: body, data_categories: [user.content.private], lethe: {strategy: redact_text}}
  - name: visit
    lethe: {tenant: org, created_at: made}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: customer, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: page, data_categories: [user.behavior], lethe: {strategy: redact_text}}
    - {name: made}
";

/// What of organisation 1 stands as it was: names, notes and pages.
const STANDING: &str = "
    SELECT name AS what FROM customer WHERE org = 1 AND name LIKE 'Name %'
    UNION ALL SELECT body FROM note WHERE org = 1 AND body LIKE 'note %'
    UNION ALL SELECT page FROM visit WHERE org = 1 AND page LIKE 'page %' ORDER BY what";
/// Nobody but the third customer has these.
const LATER: [&str; 2] = ["(\"Name 3\")", "(\"page 30\")"];
const HELD: [&str; 4] = ["(\"Name 3\")", "(\"note 3\")", "(\"page 3\")", "(\"page 30\")"];

async fn world() -> World {
    World::new(SCHEMA, MAP, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_on_a_person_that_comes_late_keeps_what_a_row_made_later_leads_to() {
    let world = world().await;
    let job = world.planned().await;
    let (scope, sealed) = person("customer_id", "C3");
    let hold = world.hold(scope, sealed).await;
    let ended = world.finish(job, &organisation("1")).await;
    completed(&ended);
    assert_eq!(world.rows(STANDING).await, HELD);
    assert_eq!(world.retained(job).await, [(hold, 2)], "a note and a visit");
    let left = |collection: &str| json!({"collection": collection, "why": "later", "rows": 1});
    let found = json!([left("shop.customer"), left("shop.visit")]);
    assert_eq!(world.verified(job).await["left"], found);
    assert_eq!(release(&world, hold).await, [2]);
    assert_eq!(world.rows(STANDING).await, LATER, "what was made later is no matter of the release");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_run_after_a_release_obeys_a_hold_that_leads_by_a_row_made_later() {
    let world = world().await;
    let notes = json!({"kind": "collection", "collection": "shop.note"});
    let notes = world.hold(notes, json!({"values": []})).await;
    completed(&world.erase("1").await);
    let (scope, sealed) = person("customer_id", "C3");
    let someone = world.hold(scope, sealed).await;
    assert_eq!(release(&world, notes).await, [4], "all but the held one");
    assert_eq!(world.rows(STANDING).await, [HELD[0], HELD[1], HELD[3]]);
    assert_eq!(release(&world, someone).await, [1]);
    assert_eq!(world.rows(STANDING).await, LATER);
}

/// Held or not: no release erases what was made later.
#[tokio::test(flavor = "multi_thread")]
async fn rows_under_a_hold_that_were_made_later_are_counted_as_such_in_plan_and_result() {
    let everything = || (json!({"kind": "organisation"}), json!({"values": []}));
    let customers = || (json!({"kind": "collection", "collection": "shop.customer"}), json!({"values": []}));
    for (scope, sealed) in [everything(), customers(), person("customer_id", "C3")] {
        for late in [false, true] {
            let world = world().await;
            let early = if late { None } else { Some(world.hold(scope.clone(), sealed.clone()).await) };
            let job = world.planned().await;
            if early.is_none() {
                world.hold(scope.clone(), sealed.clone()).await;
            }
            let ended = world.finish(job, &organisation("1")).await;
            completed(&ended);
            let plan = world.plan(&ended, "1").await;
            let later = |path: &str| {
                let of = plan.collections.iter().find(|plan| plan.collection == path).unwrap();
                (of.later, of.rows + of.retained.iter().map(|kept| kept.rows).sum::<i64>())
            };
            assert_eq!(later("shop.customer"), (1, 4), "{scope}, late: {late}");
            assert_eq!(later("shop.visit"), (1, 5), "{scope}, late: {late}");
            let left = |collection: &str| json!({"collection": collection, "why": "later", "rows": 1});
            let found = json!([left("shop.customer"), left("shop.visit")]);
            assert_eq!(world.verified(job).await["left"], found, "{scope}, late: {late}");
        }
    }
}
