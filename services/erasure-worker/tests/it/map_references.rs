//! References that only the data map knows keep rows as a foreign key would, but for rows that stay by plan.

use serde_json::{Value, json};
use store::NewHold;
use testkit::{organisation, owner};
use uuid::Uuid;

use crate::released::before_the_last_look;
use crate::world::{Ended, KEY, World};

/// Guests, and what names them without a foreign key: calls go with them, bills stay.
const SCHEMA: &str = "
    CREATE TABLE inn (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE guest (id int PRIMARY KEY, inn int NOT NULL REFERENCES inn, email text);
    CREATE TABLE call (id int PRIMARY KEY, inn int NOT NULL REFERENCES inn, guest int, at timestamptz, words text);
    CREATE TABLE bill (id int PRIMARY KEY, inn int NOT NULL REFERENCES inn, guest int, at timestamptz, remark text);
    INSERT INTO inn VALUES (1, 'One'), (2, 'Two');
    INSERT INTO guest SELECT n, 1 + n % 2, 'g' || n || '@example.org' FROM generate_series(1, 20) n;
    INSERT INTO call SELECT n, 1 + n % 2, n, '2024-01-01', 'hello' FROM generate_series(1, 20) n;
    INSERT INTO bill SELECT n, 1 + n % 2, n, '2024-01-01', 'paid' FROM generate_series(1, 20) n;";

const MAP: &str = "
dataset:
- fides_key: inns
  lethe: {organisation: {collection: inn, key: id}}
  collections:
  - name: inn
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: guest
    lethe: {tenant: inn, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: inn, fides_meta: {references: [{dataset: inns, field: inn.id}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
  - name: call
    lethe: {tenant: inn, erase: delete, created_at: at}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: inn, fides_meta: {references: [{dataset: inns, field: inn.id}]}}
    - {name: guest, fides_meta: {references: [{dataset: inns, field: guest.id, direction: from}]}}
    - {name: at}
  - name: bill
    lethe: {tenant: inn, created_at: at}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: inn, fides_meta: {references: [{dataset: inns, field: inn.id}]}}
    - {name: guest, fides_meta: {references: [{dataset: inns, field: guest.id, direction: from}]}}
    - {name: at}
    - {name: remark, lethe: {strategy: null}}
";

async fn world(more: &str) -> World {
    World::new(&format!("{SCHEMA};{more}"), MAP, None).await
}

/// Holds the row of a collection with this id.
async fn hold(world: &World, collection: &str, id: &str) {
    let hold = Uuid::now_v7();
    let ring = packages::KeyRing::new("k1", [("k1".to_owned(), KEY.into())]).unwrap();
    let sealed = json!({"values": [id]}).to_string();
    let sealed = ring.seal(packages::SealedFor { organisation: "1", job_id: hold }, &sealed.into()).unwrap();
    let compared = json!([{"column": "id", "operator": "equal"}]);
    let new = NewHold {
        id: hold,
        organisation: organisation("1"),
        scope: json!({"kind": "rows", "collection": collection, "comparisons": compared}),
        sealed: Some(sealed),
        ground: "legal_claims".to_owned(),
        owner: "legal department".to_owned(),
        review_on: "2027-01-31".parse().unwrap(),
    };
    world.api.place_hold(&new, &owner("officer-1")).await.unwrap();
}

async fn guests(world: &World) -> Vec<String> {
    world.rows("SELECT id FROM guest WHERE inn = 1 ORDER BY id").await
}

/// What the job says of the guests that it left.
async fn left(world: &World, ended: &Ended) -> Vec<Value> {
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
    let sql = "SELECT result FROM job_steps WHERE job_id = $1 AND kind = 'verify_erasure'";
    let result: Value = world.admin.query_one(sql, &[&ended.job.0]).await.unwrap().get(0);
    let left = result["left"].as_array().unwrap();
    left.iter().filter(|left| left["collection"] == "inns.guest").cloned().collect()
}

fn referred(rows: i64) -> Vec<Value> {
    vec![json!({"collection": "inns.guest", "why": "referred", "rows": rows})]
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_go_or_stay_by_plan_keep_nobody() {
    let world = world("").await;
    let ended = world.erase("1").await;
    assert_eq!(left(&world, &ended).await, Vec::<Value>::new());
    assert_eq!(guests(&world).await, Vec::<String>::new());
    assert_eq!(world.rows("SELECT count(*) FROM call WHERE inn = 1").await, ["(0)"]);
    let bills = "SELECT count(*), count(remark), count(guest) FROM bill WHERE inn = 1";
    assert_eq!(world.rows(bills).await, ["(10,0,10)"], "the bills are there, and lead to nobody");
    assert_eq!(world.rows("SELECT count(*) FROM guest WHERE inn = 2").await, ["(10)"]);
    let plan = world.plan(&ended, "1").await;
    let order: Vec<&str> = plan.collections.iter().map(|one| one.collection.as_str()).collect();
    let at = |name: &str| order.iter().position(|one| *one == name).unwrap();
    assert!(at("inns.call") < at("inns.guest"), "{order:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_another_organisations_or_a_later_one_refers_to_is_spared() {
    let more = "INSERT INTO call VALUES (101, 2, 2, '2024-01-01', 'of another inn'), (102, 1, 4, clock_timestamp() + interval '1 day', 'later');
                INSERT INTO bill VALUES (101, 2, 6, '2024-01-01', 'of another inn'), (102, 1, 8, clock_timestamp() + interval '1 day', 'later')";
    let world = world(more).await;
    let ended = world.erase("1").await;
    assert_eq!(guests(&world).await, ["(2)", "(4)", "(6)", "(8)"]);
    assert_eq!(left(&world, &ended).await, referred(4));
    let plan = world.plan(&ended, "1").await;
    let guest = plan.collections.iter().find(|one| one.collection == "inns.guest").unwrap();
    assert_eq!((guest.rows, guest.referred), (6, 4), "the plan says so before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_held_one_refers_to_is_spared() {
    let world = world("").await;
    hold(&world, "inns.call", "2").await;
    hold(&world, "inns.bill", "4").await;
    let ended = world.erase("1").await;
    assert_eq!(guests(&world).await, ["(2)", "(4)"]);
    assert_eq!(left(&world, &ended).await, referred(2));
    assert_eq!(world.rows("SELECT id FROM call WHERE inn = 1").await, ["(2)"]);
    assert_eq!(world.rows("SELECT id FROM bill WHERE inn = 1 AND remark IS NOT NULL").await, ["(4)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_comes_after_planning_keeps_what_it_refers_to() {
    let world = world("").await;
    let mut new = testkit::new_erasure("1");
    new.request.grace_period_days = 0.try_into().unwrap();
    new.soft_deletes = false;
    let job = world.accepted(&new).await;
    let state = world.step(&world.claim(job, 1).await).await;
    assert_eq!(state.name(), "running", "{state:?}");
    let late = "INSERT INTO call VALUES (101, 1, 2, clock_timestamp(), 'late'); INSERT INTO bill VALUES (101, 1, 4, clock_timestamp(), 'late')";
    world.client.batch_execute(late).await.unwrap();
    let ended = world.finish(job, &organisation("1")).await;
    assert_eq!(guests(&world).await, ["(2)", "(4)"]);
    assert_eq!(left(&world, &ended).await, referred(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_comes_when_what_it_refers_to_is_gone_is_told() {
    let world = world("").await;
    let job = world.planned().await;
    // Guests with odd numbers are another inn's, and stay.
    let late = "INSERT INTO bill VALUES (101, 2, 2, '2024-01-01', 'late'), (102, 2, 3, '2024-01-01', 'late'), (103, 2, NULL, NULL, 'late');
                INSERT INTO call VALUES (101, 2, 4, '2024-01-01', 'late'), (102, 2, 6, '2024-01-01', 'late'), (103, 2, 5, NULL, 'late')";
    before_the_last_look(&world, job, late).await;
    let ended = world.finish(job, &organisation("1")).await;
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
    let dangling =
        |collection: &str, rows: i64| json!({"collection": collection, "why": "dangling", "rows": rows});
    let expected = json!([dangling("inns.bill", 1), dangling("inns.call", 2)]);
    assert_eq!(world.verified(job).await["left"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_is_spared_alike() {
    let world = world("INSERT INTO call VALUES (101, 2, 2, '2024-01-01', 'of another inn')").await;
    let ended = world.erase_person("1", "email", "g2@example.org").await;
    assert_eq!(left(&world, &ended).await, referred(1));
    let ended = world.erase_person("1", "email", "g4@example.org").await;
    assert_eq!(left(&world, &ended).await, Vec::<Value>::new());
    assert_eq!(world.rows("SELECT count(*) FROM guest WHERE id IN (2, 4)").await, ["(1)"]);
    assert_eq!(world.rows("SELECT id FROM call WHERE guest IN (2, 4)").await, ["(101)"]);
}
