//! The run after a release is about the rows that were left, whatever has become of them since.

use packages::{KeyRing, SealedFor};
use serde_json::json;
use testkit::organisation;

use crate::binding::{STANDING, completed, person, world};
use crate::released::{all_notes, notes, release};
use crate::world::{KEY, World};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_after_the_erasure_is_not_erased_with_what_a_hold_had_kept() {
    let world = world().await;
    let (scope, sealed) = person("customer_id", "C7");
    let someone = world.hold(scope, sealed).await;
    completed(&world.erase("1").await);
    // These notes have no time of creation.
    let later = "INSERT INTO note SELECT n, 1, 9, 'note of a new life' FROM generate_series(5000, 5099) n";
    world.client.batch_execute(later).await.unwrap();
    assert_eq!(release(&world, someone).await, [2], "the customer and a note");
    assert_eq!(world.rows(STANDING).await.len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_erased_after_the_release_whatever_its_columns_say_by_then() {
    let world = world().await;
    let comparisons = json!([{"column": "body", "operator": "equal"}]);
    let scope = json!({"kind": "rows", "collection": "shop.note", "comparisons": comparisons});
    let hold = world.hold(scope, json!({"values": ["note 5"]})).await;
    completed(&world.erase("1").await);
    world.client.batch_execute("UPDATE note SET body = 'note 5, corrected' WHERE id = 5").await.unwrap();
    assert_eq!(release(&world, hold).await, [1]);
    assert_eq!(world.rows(STANDING).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_comes_to_be_somebody_elses_is_held_and_erased_with_the_first() {
    let world = world().await;
    let (scope, sealed) = person("customer_id", "C7");
    let seven = world.hold(scope, sealed).await;
    let (scope, sealed) = person("customer_id", "C8");
    let eight = world.hold(scope, sealed).await;
    let job = world.planned().await;
    // No plan names it.
    world.client.batch_execute("INSERT INTO note VALUES (8000, 1, 8, 'note that came')").await.unwrap();
    completed(&world.finish(job, &organisation("1")).await);
    world.client.batch_execute("UPDATE note SET customer = 9 WHERE id = 8000").await.unwrap();
    assert_eq!(release(&world, seven).await, [2]);
    assert_eq!(world.rows(STANDING).await, ["(8)", "(8000)"]);
    assert_eq!(release(&world, eight).await, [3]);
    assert_eq!(world.rows(STANDING).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_three_holds_are_erased_once_by_runs_after_runs() {
    let world = world().await;
    let first = world.hold(notes("at_most"), json!({"values": ["30"]})).await;
    let between = json!([{"column": "id", "operator": "at_least"}, {"column": "id", "operator": "at_most"}]);
    let between = json!({"kind": "rows", "collection": "shop.note", "comparisons": between});
    let second = world.hold(between, json!({"values": ["21", "60"]})).await;
    let third = world.hold(notes("at_least"), json!({"values": ["25"]})).await;
    completed(&world.erase("1").await);
    assert_eq!(release(&world, second).await, [0], "all of it is held still");
    assert_eq!(release(&world, third).await, [30, 2_440]);
    assert_eq!(release(&world, first).await, [30]);
    assert_eq!(world.rows(STANDING).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_rows_of_many_steps_are_all_looked_at_and_erased_after_the_release() {
    let world = world().await;
    let rows = "INSERT INTO note SELECT n, 1, 7, 'note ' || n FROM generate_series(10001, 12000) n";
    world.client.batch_execute(rows).await.unwrap();
    let (scope, sealed) = all_notes();
    let hold = world.hold(scope, sealed).await;
    let job = world.accepted(&world.person("1", "customer_id", "C7")).await;
    completed(&world.finish(job, &organisation("1")).await);
    assert_eq!(world.retained(job).await, [(hold, 2_001)]);
    assert_eq!(release(&world, hold).await, [2_001]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_than_are_named_are_found_by_what_the_hold_says() {
    let world = world().await;
    let (scope, sealed) = person("customer_id", "C7");
    let someone = world.hold(scope, sealed).await;
    let (scope, sealed) = all_notes();
    let all = world.hold(scope, sealed).await;
    let job = world.planned().await;
    completed(&world.finish(job, &organisation("1")).await);
    // As it is written down where the rows are too many to be named.
    let ring = KeyRing::new("k1", [("k1".to_owned(), KEY.into())]).unwrap();
    let target = SealedFor { organisation: "1", job_id: job.0 };
    let sealed = ring.seal(target, &r#"{"where":[]}"#.to_owned().into()).unwrap();
    let update = "UPDATE retained_rows SET sealed = $1 WHERE hold_id = $2";
    assert_eq!(world.admin.execute(update, &[&sealed, &all]).await.unwrap(), 1);
    assert_eq!(release(&world, all).await, [2_499], "one of them was left because of the person's hold");
    assert_eq!(world.rows(STANDING).await, ["(7)"]);
    assert_eq!(release(&world, someone).await, [2]);
}

/// Where the maps of this file begin.
const HEAD: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name, lethe: {strategy: keep}}
";

const CUSTOMER: &str = "  - name: customer
    lethe: {tenant: org}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: number, data_categories: [user.unique_id], lethe: {strategy: keep}, fides_meta: {identity: customer_id}}
    - {name: name, data_categories: [user.name], lethe: {strategy: redact_text}}
";

/// A map of organisations and these collections.
fn map(collections: &[&str]) -> String {
    format!("{HEAD}{}", collections.concat())
}

/// Tables that refer to each other.
const SCHEMA: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE one (id int PRIMARY KEY, org int NOT NULL REFERENCES org, other int, body text);
    CREATE TABLE other (id int PRIMARY KEY, org int NOT NULL REFERENCES org, one int NOT NULL REFERENCES one);
    ALTER TABLE one ADD FOREIGN KEY (other) REFERENCES other;
    CREATE INDEX ON one (other);
    CREATE INDEX ON other (one);
    INSERT INTO org VALUES (1, 'One'), (2, 'Two');
    INSERT INTO one SELECT n, 1 + n % 2, NULL, 'body' FROM generate_series(1, 40) n;
    INSERT INTO other SELECT n, 1 + n % 2, n FROM generate_series(1, 40) n;
    UPDATE one SET other = id;";

const MAP: &str = "  - name: one
    lethe: {tenant: org, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: other, fides_meta: {references: [{dataset: shop, field: other.id}]}}
    - {name: body, data_categories: [user.content.private]}
  - name: other
    lethe: {tenant: org, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: one, fides_meta: {references: [{dataset: shop, field: one.id}]}}
";

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_refer_to_each_other_are_erased_after_the_release() {
    let world = World::new(SCHEMA, &map(&[MAP]), None).await;
    let hold = world.hold(json!({"kind": "organisation"}), json!({"values": []})).await;
    completed(&world.erase("1").await);
    assert_eq!(world.rows("SELECT count(*) FROM one").await, ["(40)"]);
    assert_eq!(release(&world, hold).await.len(), 1);
    assert_eq!(world.rows("SELECT org, count(*) FROM one GROUP BY org").await, ["(2,20)"]);
    assert_eq!(world.rows("SELECT org, count(*) FROM other GROUP BY org").await, ["(2,20)"]);
}

/// Tickets that two customers share, and comments that answer each other.
const SHARED: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE customer (id int PRIMARY KEY, org int NOT NULL REFERENCES org, number text NOT NULL, name text);
    CREATE TABLE ticket (id int PRIMARY KEY, org int NOT NULL REFERENCES org, author int REFERENCES customer, reviewer int REFERENCES customer);
    CREATE INDEX ON ticket (author);
    CREATE INDEX ON ticket (reviewer);
    CREATE TABLE comment (id int PRIMARY KEY, org int NOT NULL REFERENCES org, parent int REFERENCES comment, body text);
    CREATE INDEX ON comment (parent);
    INSERT INTO org VALUES (1, 'One'), (2, 'Two');
    INSERT INTO customer VALUES (1, 1, 'C1', 'Ada'), (2, 1, 'C2', 'Bob');
    INSERT INTO ticket VALUES (1, 1, 1, 2), (2, 1, 2, 1);
    INSERT INTO comment SELECT n, 1 + n % 2, CASE WHEN n > 2 THEN n - 2 END, 'body' FROM generate_series(1, 3000) n;";

const MAP_OF_SHARED: &str = "  - name: ticket
    lethe: {tenant: org, rows: shared}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: author, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: reviewer, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
  - name: comment
    lethe: {tenant: org, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: parent, fides_meta: {references: [{dataset: shop, field: comment.id}]}}
    - {name: body, data_categories: [user.content.private]}
";

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_others_share_lose_the_link_to_the_person_and_no_other_after_the_release() {
    let world = World::new(SHARED, &map(&[CUSTOMER, MAP_OF_SHARED]), None).await;
    let scope = json!({"kind": "collection", "collection": "shop.ticket"});
    let hold = world.hold(scope, json!({"values": []})).await;
    let job = world.accepted(&world.person("1", "customer_id", "C1")).await;
    completed(&world.finish(job, &organisation("1")).await);
    assert_eq!(world.retained(job).await, [(hold, 2)]);
    assert_eq!(release(&world, hold).await, [2]);
    assert_eq!(world.rows("SELECT * FROM ticket ORDER BY id").await, ["(1,1,,2)", "(2,1,2,)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_refer_to_each_other_are_erased_together_after_the_release() {
    let world = World::new(SHARED, &map(&[CUSTOMER, MAP_OF_SHARED]), None).await;
    let scope = json!({"kind": "collection", "collection": "shop.comment"});
    let hold = world.hold(scope, json!({"values": []})).await;
    completed(&world.erase("1").await);
    assert_eq!(release(&world, hold).await, [1_500], "more than a batch");
    assert_eq!(world.rows("SELECT count(*) FROM comment").await, ["(1500)"]);
}

/// Notes about customers that lead to their organisation through orders, which are deleted after them.
const OF_ORDERS: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE customer (id int PRIMARY KEY, org int NOT NULL REFERENCES org, number text NOT NULL, name text);
    CREATE TABLE orders (id int PRIMARY KEY, org int NOT NULL REFERENCES org);
    CREATE TABLE note (id int PRIMARY KEY, of int NOT NULL REFERENCES orders, customer int REFERENCES customer, body text);
    CREATE INDEX ON note (of);
    CREATE INDEX ON note (customer);
    INSERT INTO org VALUES (1, 'One'), (2, 'Two');
    INSERT INTO customer VALUES (1, 1, 'C1', 'Ada'), (2, 2, 'C2', 'Bob');
    INSERT INTO orders VALUES (1, 1), (2, 2), (3, 1);";

const MAP_OF_ORDERS: &str = "  - name: orders
    lethe: {tenant: org, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
  - name: note
    lethe: {tenant: of, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: of, fides_meta: {references: [{dataset: shop, field: orders.id}]}}
    - {name: customer, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: body, data_categories: [user.content.private]}
";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hold_kept_for_rows_that_are_gone_by_now_is_erased_after_its_release() {
    let world = World::new(OF_ORDERS, &map(&[CUSTOMER, MAP_OF_ORDERS]), None).await;
    let (scope, sealed) = person("customer_id", "C1");
    let hold = world.hold(scope, sealed).await;
    let job = world.planned().await;
    // Held since it came, with the way that leads to it.
    world.client.batch_execute("INSERT INTO note VALUES (1, 1, 1, 'a note')").await.unwrap();
    completed(&world.finish(job, &organisation("1")).await);
    assert_eq!(world.rows("SELECT id FROM orders ORDER BY id").await, ["(1)", "(2)", "(3)"]);
    world.client.batch_execute("DELETE FROM note").await.unwrap();
    assert_eq!(release(&world, hold).await, [3], "the customer and two orders");
    assert_eq!(world.rows("SELECT id FROM orders").await, ["(2)"]);
    assert_eq!(world.rows("SELECT name FROM customer ORDER BY id").await, ["([redacted])", "(Bob)"]);
}
