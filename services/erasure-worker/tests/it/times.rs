//! Times of rows that tell nothing, or tell it of another zone: no erasure passes over a row in silence.

use serde_json::json;

use crate::spared::release;
use crate::world::{Ended, World};

/// The application writes what its clock shows in Tokyo.
const SCHEMA: &str = "
    CREATE TABLE org (id text PRIMARY KEY, name text NOT NULL);
    CREATE TABLE customer (id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, email text UNIQUE, full_name text, created_at timestamp);
    INSERT INTO org VALUES ('1', 'First Ltd'), ('2', 'Second Ltd');
    INSERT INTO customer VALUES
        (1, '1', 'old@customer.example', 'Old', now() AT TIME ZONE 'Asia/Tokyo' - interval '2 days'),
        (2, '1', 'hour@customer.example', 'Hour Ago', now() AT TIME ZONE 'Asia/Tokyo' - interval '1 hour'),
        (3, '1', 'infinite@customer.example', 'Infinite', 'infinity'),
        (4, '1', 'clock@customer.example', 'Wrong Clock', '2098-01-01'),
        (5, '1', 'minus@customer.example', 'Minus Infinite', '-infinity'),
        (6, '1', 'null@customer.example', 'Null', NULL),
        (7, '2', 'other@customer.example', 'Other', NULL);";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: customer
    lethe: {tenant: org_id, created_at: created_at}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id, direction: from}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: full_name, data_categories: [user.name]}
    - {name: created_at}
";

fn completed(ended: &Ended) {
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
}

/// The customers of both organisations who still have a name.
async fn named(world: &World) -> Vec<String> {
    world.rows("SELECT full_name FROM customer WHERE full_name IS NOT NULL ORDER BY id").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_is_erased_east_of_greenwich_too_and_what_stays_is_told() {
    let zoned = MAP.replace("created_at: created_at}", "created_at: {column: created_at, zone: Asia/Tokyo}}");
    for map in [MAP, &zoned] {
        let world = World::new(SCHEMA, map, None).await;
        let ended = world.erase("1").await;
        completed(&ended);
        assert_eq!(named(&world).await, ["(\"Wrong Clock\")", "(Other)"]);
        let plan = world.plan(&ended, "1").await;
        let customers = plan.collections.iter().find(|plan| plan.collection == "shop.customer").unwrap();
        assert_eq!((customers.rows, customers.later), (5, 1), "the plan says so before");
        let left = json!([{"collection": "shop.customer", "why": "later", "rows": 1}]);
        assert_eq!(world.verified(ended.job).await["left"], left, "and the result afterwards");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_erased_whatever_the_times_of_the_rows_are() {
    let world = World::new(SCHEMA, MAP, None).await;
    for email in ["hour", "infinite", "clock", "minus", "null", "old"] {
        let before = named(&world).await.len();
        let ended = world.erase_person("1", "email", &format!("{email}@customer.example")).await;
        completed(&ended);
        assert_eq!(named(&world).await.len(), before - 1, "{email}");
        assert_eq!(world.verified(ended.job).await["left"], json!([]), "{email}");
    }
    assert_eq!(named(&world).await, ["(Other)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_keeps_a_persons_rows_whatever_their_times_are() {
    let world = World::new(SCHEMA, MAP, None).await;
    let scope = json!({"kind": "subject", "identity_type": "email"});
    let held = world.hold(scope, json!({"identity_value": "clock@customer.example"})).await;
    let ended = world.erase_person("1", "email", "clock@customer.example").await;
    completed(&ended);
    assert_eq!(named(&world).await.len(), 7);
    assert_eq!(world.retained(ended.job).await, [(held, 1)]);
    completed(&release(&world, held).await);
    assert_eq!(named(&world).await.len(), 6);
}

/// Whoever comes back while the job runs is not erased by it, and the job says so.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_makes_after_the_planning_is_left_and_told() {
    let world = World::new(&SCHEMA.replace("email text UNIQUE", "email text"), MAP, None).await;
    let new = world.person("1", "email", "clock@customer.example");
    let job = world.accepted(&new).await;
    world.step(&world.claim(job, 1).await).await;
    let again = "INSERT INTO customer VALUES (8, '1', 'clock@customer.example', 'Back', '2098-01-01')";
    world.client.batch_execute(again).await.unwrap();
    completed(&world.finish(job, &testkit::organisation("1")).await);
    assert_eq!(
        world.rows("SELECT full_name FROM customer WHERE id IN (4, 8) ORDER BY id").await,
        ["()", "(Back)"]
    );
    let left = json!([{"collection": "shop.customer", "why": "later", "rows": 1}]);
    assert_eq!(world.verified(job).await["left"], left);
}
