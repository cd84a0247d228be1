//! No row goes along: what a transaction changes is what was planned, whatever comes at the same time.

use testkit::organisation;

use crate::world::{Ended, World};

const SCHEMA: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE card (id int PRIMARY KEY, org int NOT NULL REFERENCES org, digits text);
    CREATE TABLE payment (id int PRIMARY KEY, org int NOT NULL REFERENCES org, card int #reference, note text);
    CREATE INDEX ON payment (card);
    INSERT INTO org VALUES (1, 'One'), (2, 'Two');
    INSERT INTO card SELECT n, 1 + n % 2, '4711' FROM generate_series(1, 40) n;
    INSERT INTO payment SELECT n, 1 + n % 2, n, 'paid' FROM generate_series(1, 40) n;";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name, lethe: {strategy: keep}}
  - name: payment
    lethe: {tenant: org, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: card, fides_meta: {references: [{dataset: shop, field: card.id, direction: to}]}}
    - {name: note, data_categories: [user.financial]}
  - name: card
    lethe: {tenant: org, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: digits, data_categories: [user.financial]}
";

/// Erases, and has a payment by a card that is about to be deleted come at the worst moment: its transaction
/// has begun before, and commits while the DELETE waits for it.
async fn with_a_late_payment(reference: &str) -> (World, Ended) {
    let world = World::new(&SCHEMA.replace("#reference", reference), MAP, None).await;
    let job = world.planned().await;
    let sql = "SELECT step_no FROM job_steps WHERE job_id = $1 AND collection = 'shop.card'";
    let cards: i32 = world.admin.query_one(sql, &[&job.0]).await.unwrap().get(0);
    while let Some(step) = world.due(job).await.filter(|step| *step != cards) {
        world.step(&world.claim(job, step).await).await;
    }
    let client = world.another().await;
    client
        .batch_execute(
            "BEGIN; SET CONSTRAINTS ALL IMMEDIATE; INSERT INTO payment VALUES (900, 2, 4, 'of another organisation')",
        )
        .await
        .unwrap();
    let claimed = world.claim(job, cards).await;
    let commit = async {
        world.blocked(1).await;
        client.batch_execute("COMMIT").await.unwrap();
    };
    tokio::join!(world.step(&claimed), commit);
    let ended = world.finish(job, &organisation("1")).await;
    (world, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_comes_while_its_parent_is_deleted_stays_with_its_parent() {
    for reference in [
        "REFERENCES card ON DELETE CASCADE",
        "REFERENCES card ON DELETE SET NULL",
        "REFERENCES card",
        "REFERENCES card DEFERRABLE INITIALLY DEFERRED",
    ] {
        let (world, ended) = with_a_late_payment(reference).await;
        assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None), "{reference}");
        assert_eq!(
            world.rows("SELECT id, card FROM payment WHERE id = 900").await,
            ["(900,4)"],
            "{reference}"
        );
        assert_eq!(world.rows("SELECT id FROM card WHERE org = 1").await, ["(4)"], "{reference}");
        let left = world.verified(ended.job).await["left"].clone();
        assert_eq!(
            left,
            serde_json::json!([{"collection": "shop.card", "why": "referred", "rows": 1}]),
            "{reference}"
        );
        assert_eq!(world.journalled(ended.job).await, 39, "{reference}: 20 payments and 19 cards");
    }
}

/// Notes that lead to their organisation through orders, which are deleted after them.
const ORDERS: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE orders (id int PRIMARY KEY, org int NOT NULL REFERENCES org);
    CREATE TABLE note (id int PRIMARY KEY, of int NOT NULL REFERENCES orders, body text);
    CREATE INDEX ON note (of);
    INSERT INTO org VALUES (1, 'One'), (2, 'Two');
    INSERT INTO orders VALUES (1, 1), (2, 2);
    INSERT INTO note SELECT n, 1 + n / 2501, 'note ' || n FROM generate_series(1, 2600) n;";

const MAP_OF_ORDERS: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name, lethe: {strategy: keep}}
  - name: orders
    lethe: {tenant: org, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
  - name: note
    lethe: {tenant: of, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: of, fides_meta: {references: [{dataset: shop, field: orders.id}]}}
    - {name: body, data_categories: [user.content.private]}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_comes_behind_the_batches_goes_before_its_path_does() {
    let world = World::new(ORDERS, MAP_OF_ORDERS, None).await;
    let job = world.planned().await;
    crate::binding::in_the_middle(&world, job, async |world: &World| {
        let client = world.another().await;
        client.batch_execute("INSERT INTO note VALUES (0, 1, 'behind the first batch')").await.unwrap();
        client.batch_execute("SELECT FROM note WHERE id = 700 FOR UPDATE").await.unwrap();
    })
    .await;
    let ended = world.finish(job, &organisation("1")).await;
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
    assert_eq!(world.rows("SELECT count(*) FROM note").await, ["(100)"]);
    assert_eq!(world.journalled(job).await, 2_502, "the notes, the one that came, and the order");
    assert_eq!(world.verified(job).await["rows"], 2_502);
    let done = "SELECT sum(rows_done)::int8 FROM job_steps WHERE job_id = $1";
    assert_eq!(world.admin.query_one(done, &[&job.0]).await.unwrap().get::<_, i64>(0), 2_502);
}
