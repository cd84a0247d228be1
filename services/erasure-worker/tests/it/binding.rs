//! Legal holds bind at once: whatever is erased after one binds, it is none of what is held.

use connectors::erase::Bound;
use serde_json::{Value, json};
use testkit::{organisation, owner};

use crate::world::{Ended, World};

/// Customers whom a number identifies that stays, with notes; 2,500 of them in organisation 1.
pub const SCHEMA: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE customer (id int PRIMARY KEY, org int NOT NULL REFERENCES org, number text NOT NULL, email text, name text);
    CREATE TABLE note (id int PRIMARY KEY, org int NOT NULL REFERENCES org, customer int NOT NULL REFERENCES customer, body text);
    CREATE INDEX ON note (customer);
    INSERT INTO org VALUES (1, 'One'), (2, 'Two');
    INSERT INTO customer SELECT n, 1 + n / 2501, 'C' || n, 'c' || n || '@example.org', 'Name ' || n FROM generate_series(1, 2600) n;
    INSERT INTO note SELECT n, 1 + n / 2501, n, 'note ' || n FROM generate_series(1, 2600) n;";

pub const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name, lethe: {strategy: keep}}
  - name: customer
    lethe: {tenant: org}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: number, data_categories: [user.unique_id], lethe: {strategy: keep}, fides_meta: {identity: customer_id}}
    - {name: email, data_categories: [user.contact.email], lethe: {strategy: null}, fides_meta: {identity: email}}
    - {name: name, data_categories: [user.name], lethe: {strategy: redact_text}}
  - name: note
    lethe: {tenant: org}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: customer, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: body, data_categories: [user.content.private], lethe: {strategy: redact_text}}
";

pub const STANDING: &str = "SELECT id FROM note WHERE body LIKE 'note %' AND org = 1 ORDER BY id";

pub async fn world() -> World {
    World::new(SCHEMA, MAP, None).await
}

pub fn completed(ended: &Ended) {
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
}

pub fn person(identity_type: &str, value: &str) -> (Value, Value) {
    (json!({"kind": "subject", "identity_type": identity_type}), json!({"identity_value": value}))
}

/// Holds the worker up in the second batch of the first step over notes, has `meanwhile` done, and lets it
/// go on. What is done meanwhile may wait for the worker.
pub async fn in_the_middle(world: &World, job: domain::id::JobId, meanwhile: impl AsyncFnOnce(&World)) {
    let sql = "SELECT min(step_no) FROM job_steps WHERE job_id = $1 AND collection = 'shop.note'";
    let step: i32 = world.admin.query_one(sql, &[&job.0]).await.unwrap().get(0);
    let blocker = world.another().await;
    blocker.batch_execute("BEGIN; SELECT FROM note WHERE id = 700 FOR UPDATE").await.unwrap();
    let claimed = world.claim(job, step).await;
    let disturb = async {
        world.blocked(1).await;
        let release = async {
            // The worker, and whoever waits for its batch.
            world.blocked(2).await;
            blocker.batch_execute("COMMIT").await.unwrap();
        };
        tokio::join!(meanwhile(world), release);
    };
    tokio::join!(world.step(&claimed), disturb);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_on_a_collection_binds_while_a_step_runs() {
    let world = world().await;
    let job = world.planned().await;
    let standing = std::sync::Mutex::new(Vec::new());
    in_the_middle(&world, job, async |world: &World| {
        world.hold(json!({"kind": "collection", "collection": "shop.note"}), json!({"values": []})).await;
        assert_eq!(world.bind().await, Bound::Yes);
        *standing.lock().unwrap() = world.rows(STANDING).await;
    })
    .await;
    let ended = world.finish(job, &organisation("1")).await;
    completed(&ended);
    let standing = standing.into_inner().unwrap();
    assert!(standing.len() >= 1_000 && standing.len() <= 1_600, "{}", standing.len());
    assert_eq!(world.rows(STANDING).await, standing, "no held row changed after the hold was binding");
    let retained: Vec<i64> = world.retained(job).await.into_iter().map(|(_, rows)| rows).collect();
    assert_eq!(retained, [i64::try_from(standing.len()).unwrap()], "only what still stands is retained");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_on_a_person_binds_while_a_step_runs_and_the_job_goes_on_for_the_rest() {
    let world = world().await;
    let job = world.planned().await;
    in_the_middle(&world, job, async |world: &World| {
        let (scope, sealed) = person("customer_id", "C2000");
        world.hold(scope, sealed).await;
        assert_eq!(world.bind().await, Bound::Yes);
    })
    .await;
    let ended = world.finish(job, &organisation("1")).await;
    completed(&ended);
    assert_eq!(world.rows(STANDING).await, ["(2000)"]);
    assert_eq!(
        world.rows("SELECT id FROM customer WHERE org = 1 AND name <> '[redacted]'").await,
        ["(2000)"]
    );
    let retained: i64 = world.retained(job).await.iter().map(|(_, rows)| rows).sum();
    assert_eq!(retained, 2, "the customer and the note");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_comes_to_be_a_held_persons_while_a_step_runs_is_left_by_its_next_batch() {
    let world = world().await;
    let (scope, sealed) = person("customer_id", "C2000");
    let hold = world.hold(scope, sealed).await;
    let job = world.planned().await;
    in_the_middle(&world, job, async |world: &World| {
        let client = world.another().await;
        // In the middle of the third batch.
        client.batch_execute("UPDATE note SET customer = 2000 WHERE id = 1250").await.unwrap();
        client.batch_execute("SELECT FROM note WHERE id = 700 FOR UPDATE").await.unwrap();
    })
    .await;
    completed(&world.finish(job, &organisation("1")).await);
    assert_eq!(world.rows(STANDING).await, ["(1250)", "(2000)"]);
    assert_eq!(world.retained(job).await, [(hold, 3)], "the customer and two notes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_on_the_person_who_is_being_erased_keeps_what_is_left() {
    let world = world().await;
    let job = world.accepted(&world.person("1", "email", "c7@example.org")).await;
    world.step(&world.claim(job, 1).await).await;
    let (scope, sealed) = person("email", "C7@example.org ");
    let sealed = json!({"identity_value": sealed["identity_value"].as_str().unwrap().trim().to_lowercase()});
    let before = world.digests().await;
    world.hold(scope, sealed).await;
    let ended = world.finish(job, &organisation("1")).await;
    completed(&ended);
    assert_eq!(world.digests().await, before);
    let retained: i64 = world.retained(job).await.iter().map(|(_, rows)| rows).sum();
    assert_eq!(retained, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_two_holds_keep_is_counted_and_erased_once() {
    let world = world().await;
    let compared = |column: &str, operator: &str| json!([{"column": column, "operator": operator}]);
    let rows =
        |comparisons: Value| json!({"kind": "rows", "collection": "shop.note", "comparisons": comparisons});
    let early = world.hold(rows(compared("id", "at_most")), json!({"values": ["30"]})).await;
    let late = world.hold(rows(compared("id", "at_least")), json!({"values": ["21"]})).await;
    let ended = world.erase("1").await;
    completed(&ended);
    assert_eq!(world.rows(STANDING).await.len(), 2_500);
    let mut retained = world.retained(ended.job).await;
    retained.sort_by_key(|(hold, _)| *hold != early);
    assert_eq!(retained, [(early, 30), (late, 2_470)], "each row is counted for one hold");
    let ours = organisation("1");
    let mut erased = Vec::new();
    for hold in [late, early] {
        let jobs = world.api.release_hold(&ours, hold, &owner("officer-1")).await.unwrap();
        assert_eq!(jobs.len(), 1);
        completed(&world.finish(jobs[0], &ours).await);
        erased.push(world.journalled(jobs[0]).await);
    }
    assert_eq!(erased, [2_470, 30]);
    assert_eq!(world.rows(STANDING).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_released_hold_kept_is_erased_beside_a_hold_on_a_person_that_came_since() {
    let world = world().await;
    let comparisons = json!([{"column": "id", "operator": "at_most"}]);
    let rows = json!({"kind": "rows", "collection": "shop.note", "comparisons": comparisons});
    let early = world.hold(rows, json!({"values": ["30"]})).await;
    completed(&world.erase("1").await);
    let (scope, sealed) = person("customer_id", "C2");
    world.hold(scope, sealed).await;
    let ours = organisation("1");
    let jobs = world.api.release_hold(&ours, early, &owner("officer-1")).await.unwrap();
    assert_eq!(jobs.len(), 1);
    completed(&world.finish(jobs[0], &ours).await);
    assert_eq!(world.rows(STANDING).await, ["(2)"]);
    assert_eq!(world.journalled(jobs[0]).await, 29);
}
