//! No row escapes: what was open at the cutoff is waited for, what leads to a person later is found, and what
//! no query can decide is named.

use domain::job::JobState;
use serde_json::{Value, json};
use testkit::organisation;

use crate::world::{Ended, World};

const SCHEMA: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE person (
        id int PRIMARY KEY, org int NOT NULL REFERENCES org, email text, phone text,
        made timestamptz NOT NULL DEFAULT now());
    CREATE TABLE visit (
        id int PRIMARY KEY, org int NOT NULL REFERENCES org, email text, page text,
        made timestamptz NOT NULL DEFAULT now());
    INSERT INTO org VALUES (1, 'One'), (2, 'Two');
    INSERT INTO person SELECT n, 1 + n % 2, 'p' || n || '@example.org', '+44 20 7946 0' || (100 + n), '2024-01-01'
        FROM generate_series(1, 40) n;
    INSERT INTO visit SELECT n, 1 + n % 2, 'p' || n || '@example.org', 'page ' || n, '2024-01-01' FROM generate_series(1, 40) n;";

/// Visits lead to persons by their address, which the erasure takes away.
const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name, lethe: {strategy: keep}}
  - name: person
    lethe: {tenant: org, created_at: made}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: email, data_categories: [user.contact.email], lethe: {strategy: pseudonymise}, fides_meta: {identity: email}}
    - {name: phone, data_categories: [user.contact.phone_number], lethe: {strategy: #phone}, fides_meta: {identity: phone_number}}
    - {name: made}
  - name: visit
    lethe: {tenant: org, created_at: made}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: email, data_categories: [user.contact.email], lethe: {strategy: null}, fides_meta: {references: [{dataset: shop, field: person.email, direction: from}]}}
    - {name: page, data_categories: [user.behavior], lethe: {strategy: redact_text}}
    - {name: made}
";

async fn world() -> World {
    World::new(SCHEMA, &MAP.replace("#phone", "redact_text"), None).await
}

fn completed(ended: &Ended) {
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
}

async fn left(world: &World, ended: &Ended) -> Value {
    world.verified(ended.job).await["left"].clone()
}

/// A transaction of the application that has begun before the cutoff, and makes a row when it is told to.
async fn began(world: &World, sql: &str) -> tokio_postgres::Client {
    let client = world.another().await;
    client.batch_execute("SET application_name = 'shop'; BEGIN").await.unwrap();
    client.batch_execute(sql).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_a_transaction_that_began_before_the_cutoff_is_waited_for_and_not_passed() {
    let world = world().await;
    let client = began(&world, "SELECT 1").await;
    let job = world.planned().await;
    let ours = organisation("1");
    // Everything but the end of it.
    let mut state = JobState::Running;
    for _ in 0..4 {
        let step = world.due(job).await.unwrap();
        state = world.step(&world.claim(job, step).await).await;
    }
    assert_eq!(state.name(), "verifying", "nothing is completed while it is open");
    let view = world.api.job_view(&ours, job).await.unwrap().unwrap();
    let told = serde_json::to_string(&view.steps).unwrap();
    assert!(told.contains("transactions_open") && told.contains("role "), "{told}");
    client
        .batch_execute("INSERT INTO visit VALUES (999, 1, 'p2@example.org', 'a page'); COMMIT")
        .await
        .unwrap();
    let ended = world.finish(job, &ours).await;
    assert_eq!(ended.state, "failed");
    let failure = ended.failure.unwrap();
    assert!(
        failure.starts_with("not_erased: ") && failure.contains("public.visit.page: 1 rows"),
        "{failure}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_ends_while_rows_are_planned_is_part_of_the_plan() {
    let world = world().await;
    let client = began(&world, "INSERT INTO visit VALUES (999, 1, 'p2@example.org', 'a page')").await;
    let sql = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.datname = current_database() \
               AND a.application_name LIKE 'lethe-%'";
    let planning = world.planned();
    let commit = async {
        // Planning has begun: it looks, and waits for a while.
        while world.client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::task::yield_now().await;
        }
        client.batch_execute("COMMIT").await.unwrap();
    };
    let (job, ()) = tokio::join!(planning, commit);
    completed(&world.finish(job, &organisation("1")).await);
    assert_eq!(world.rows("SELECT page FROM visit WHERE id = 999").await, ["([redacted])"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_come_to_be_a_persons_while_the_person_is_erased_are_reported() {
    let world = world().await;
    let job = world.accepted(&world.person("1", "email", "p2@example.org")).await;
    world.step(&world.claim(job, 1).await).await;
    // By the address itself, after planning, and made after the cutoff.
    let row = "INSERT INTO visit VALUES (901, 1, 'p2@example.org', 'later', clock_timestamp())";
    world.client.batch_execute(row).await.unwrap();
    let ended = world.finish(job, &organisation("1")).await;
    completed(&ended);
    assert_eq!(left(&world, &ended).await, json!([{"collection": "shop.visit", "why": "later", "rows": 1}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_lead_to_a_person_by_what_was_erased_are_not_passed() {
    let world = world().await;
    for (by, told) in [("'p2@example.org'", true), ("(SELECT email FROM person WHERE id = 2)", true)] {
        let job = world.accepted(&world.person("1", "email", "p2@example.org")).await;
        world.step(&world.claim(job, 1).await).await;
        // Every step but the last.
        while let Some(step) = world.due(job).await {
            let claimed = world.claim(job, step).await;
            if claimed.kind == domain::job::StepKind::VerifyErasure {
                // Copied from elsewhere: an old time, and the address or what has taken its place.
                let row = format!("INSERT INTO visit VALUES (902, 1, {by}, 'copied', '2024-01-01')");
                world.client.batch_execute(&row).await.unwrap();
            }
            world.step(&claimed).await;
        }
        let ended = world.finish(job, &organisation("1")).await;
        let failure = ended.failure.unwrap_or_default();
        assert_eq!(failure.contains("public.visit.page: 1 rows still hold values"), told, "{by}: {failure}");
        world
            .client
            .batch_execute(
                "DELETE FROM visit WHERE id = 902; UPDATE person SET email = 'p2@example.org' WHERE id = 2",
            )
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_no_query_can_decide_is_told_by_who_wrote_the_row_last() {
    let undone = "CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
                  CREATE TRIGGER undo BEFORE UPDATE ON person FOR EACH ROW WHEN (OLD.id = 4) EXECUTE FUNCTION undo()";
    let map = MAP.replace("#phone", "format_preserving");
    let allowed = map.replace("created_at: made}\n    fields:\n    - {name: id, fides_meta: {primary_key: true}}\n    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}\n    - {name: email, data_categories: [user.contact.email], lethe: {strategy: pseudonymise}", "created_at: made, triggers: [undo]}\n    fields:\n    - {name: id, fides_meta: {primary_key: true}}\n    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}\n    - {name: email, data_categories: [user.contact.email], lethe: {strategy: keep}");
    assert_ne!(allowed, map);
    let world = World::new(&format!("{SCHEMA};{undone}"), &allowed, None).await;
    let ended = world.erase("1").await;
    let failure = ended.failure.unwrap_or_default();
    assert!(failure.contains("public.person.phone: 1 rows still hold values"), "{failure}");

    let world = World::new(SCHEMA, &map.replace("strategy: pseudonymise", "strategy: keep"), None).await;
    let job = world.planned().await;
    while let Some(step) = world.due(job).await {
        let claimed = world.claim(job, step).await;
        if claimed.kind == domain::job::StepKind::VerifyErasure {
            let row = "UPDATE person SET phone = '+44 20 7946 0999' WHERE id = 6";
            world.client.batch_execute(row).await.unwrap();
        }
        world.step(&claimed).await;
    }
    completed(&world.finish(job, &organisation("1")).await);
    let result = world.verified(job).await;
    assert_eq!(result["undecided"], json!([{"collection": "shop.person", "column": "phone", "rows": 1}]));
}
