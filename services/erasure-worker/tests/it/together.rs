//! No row goes along: what a transaction changes is what was planned, whatever comes at the same time.

use domain::id::JobId;
use testkit::organisation;
use tokio_postgres::error::SqlState;

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

/// An erasure up to the step that deletes cards, which is due.
async fn up_to_the_cards(reference: &str) -> (World, JobId, i32) {
    let world = World::new(&SCHEMA.replace("#reference", reference), MAP, None).await;
    let job = world.planned().await;
    let sql = "SELECT step_no FROM job_steps WHERE job_id = $1 AND collection = 'shop.card'";
    let cards: i32 = world.admin.query_one(sql, &[&job.0]).await.unwrap().get(0);
    while let Some(step) = world.due(job).await.filter(|step| *step != cards) {
        world.step(&world.claim(job, step).await).await;
    }
    (world, job, cards)
}

/// What became of a step, and how often it was started.
async fn became(world: &World, job: JobId, step: i32) -> (String, i32) {
    let sql = "SELECT state, attempts FROM job_steps WHERE job_id = $1 AND step_no = $2";
    let row = world.admin.query_one(sql, &[&job.0, &step]).await.unwrap();
    (row.get(0), row.get(1))
}

/// Erases, and has a payment by a card that is about to be deleted come at the worst moment: its transaction
/// has begun before, and commits while the DELETE waits for it. The step is done all the same, at the first
/// start.
async fn with_a_late_payment(reference: &str) -> (World, Ended) {
    let (world, job, cards) = up_to_the_cards(reference).await;
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
    assert_eq!(became(&world, job, cards).await, ("completed".to_owned(), 1), "{reference}");
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

/// Once disturbed, the batch locks its rows: nothing comes to refer to them until they are gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_disturbed_is_not_disturbed_again() {
    let (world, job, cards) = up_to_the_cards("REFERENCES card").await;
    // Whoever deletes cards has chosen them by then, and waits.
    let gate = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS \
                'BEGIN PERFORM pg_catalog.pg_advisory_xact_lock(1); RETURN NULL; END'; \
                CREATE TRIGGER wait BEFORE DELETE ON card FOR EACH STATEMENT EXECUTE FUNCTION wait()";
    world.client.batch_execute(gate).await.unwrap();
    let (first, second, late) = (world.another().await, world.another().await, world.another().await);
    let (close, open) = ("SELECT pg_advisory_lock(1)", "SELECT pg_advisory_unlock(1)");
    first.batch_execute(close).await.unwrap();
    let claimed = world.claim(job, cards).await;
    let disturb = async {
        world.blocked(1).await;
        let payment = "INSERT INTO payment VALUES (900, 2, 4, 'of another organisation')";
        world.client.batch_execute(payment).await.unwrap();
        let let_go = async {
            // The worker, and behind it whoever closes the gate again.
            world.blocked(2).await;
            first.batch_execute(open).await.unwrap();
        };
        tokio::join!(async { second.batch_execute(close).await.unwrap() }, let_go);
        // The worker has begun again.
        world.blocked(1).await;
        let let_go = async {
            world.blocked(2).await;
            second.batch_execute(open).await.unwrap();
        };
        let payment = "INSERT INTO payment VALUES (901, 2, 6, 'of another organisation')";
        tokio::join!(late.batch_execute(payment), let_go).0
    };
    let (_, came) = tokio::join!(world.step(&claimed), disturb);
    assert_eq!(came.unwrap_err().code(), Some(&SqlState::FOREIGN_KEY_VIOLATION), "there is no such card now");
    assert_eq!(became(&world, job, cards).await, ("completed".to_owned(), 1));
    let ended = world.finish(job, &organisation("1")).await;
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
    assert_eq!(world.rows("SELECT id FROM card WHERE org = 1").await, ["(4)"]);
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
