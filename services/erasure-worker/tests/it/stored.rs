//! What earlier code has written is finished, or refused in words: sealed scopes without what is kept since,
//! and a journal that does not name the transactions.

use domain::id::JobId;
use packages::{KeyRing, SealedFor};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use testkit::organisation;

use crate::world::{KEY, World};

const SCHEMA: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE person (id int PRIMARY KEY, org int NOT NULL REFERENCES org, email text, phone text);
    CREATE TABLE card (id int PRIMARY KEY, person int NOT NULL REFERENCES person, digits text);
    INSERT INTO org VALUES (1, 'One'), (2, 'Two');
    INSERT INTO person SELECT n, 1 + n % 2, 'p' || n || '@example.org', '+44 20 7946 0' || (100 + n) FROM generate_series(1, 40) n;
    INSERT INTO card SELECT n, n, '4711' FROM generate_series(1, 40) n;";

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
    lethe: {tenant: org}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: email, data_categories: [user.contact.email], lethe: {strategy: pseudonymise}, fides_meta: {identity: email}}
    - {name: phone, data_categories: [user.contact.phone_number], lethe: {strategy: format_preserving}}
  - name: card
    lethe: {tenant: person, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: person, fides_meta: {references: [{dataset: shop, field: person.id, direction: from}]}}
    - {name: digits, data_categories: [user.financial]}
";

/// Takes away what earlier code did not know of a step's scope.
fn earlier(scope: &mut Value) {
    let object = scope.as_object_mut().unwrap();
    object.remove("beside");
    let action = object["erasure"].as_object_mut().unwrap()["action"].as_object_mut();
    let changes = action.and_then(|action| action.get_mut("anonymise")).and_then(Value::as_array_mut);
    for change in changes.into_iter().flatten() {
        change.as_object_mut().unwrap().retain(|member, _| ["column", "strategy"].contains(&member.as_str()));
    }
}

/// Writes the scopes of a job as earlier code has written them.
async fn sealed_as_before(world: &World, job: JobId) {
    let ring = KeyRing::new("k1", [("k1".to_owned(), KEY.into())]).unwrap();
    let target = || SealedFor { organisation: "1", job_id: job.0 };
    let sql = "SELECT step_no, sealed FROM step_scopes WHERE job_id = $1";
    for row in world.admin.query(sql, &[&job.0]).await.unwrap() {
        let (step, sealed): (i32, Vec<u8>) = (row.get(0), row.get(1));
        let opened = ring.open(target(), &sealed).unwrap();
        let mut scope: Value = serde_json::from_str(opened.expose_secret()).unwrap();
        if let Some(places) = scope.get_mut("places") {
            scope = places.take();
        }
        match scope.as_array_mut() {
            Some(places) => places.iter_mut().for_each(earlier),
            None => earlier(&mut scope),
        }
        let sealed = ring.seal(target(), &scope.to_string().into()).unwrap();
        let update = "UPDATE step_scopes SET sealed = $3 WHERE job_id = $1 AND step_no = $2";
        assert_eq!(world.admin.execute(update, &[&job.0, &step, &sealed]).await.unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_earlier_code_has_planned_are_finished() {
    for person in [false, true] {
        let world = World::new(SCHEMA, MAP, None).await;
        let job = match person {
            false => world.planned().await,
            true => {
                let job = world.accepted(&world.person("1", "email", "p2@example.org")).await;
                world.step(&world.claim(job, 1).await).await;
                job
            }
        };
        sealed_as_before(&world, job).await;
        let ended = world.finish(job, &organisation("1")).await;
        assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None), "{person}");
        let rows = if person { 2 } else { 40 };
        assert_eq!(world.journalled(job).await, rows);
        let left = "SELECT count(*) FROM person WHERE email LIKE '%@example.org'";
        assert_eq!(world.rows(left).await, [format!("({})", if person { 39 } else { 20 })]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hold_kept_in_a_job_of_earlier_code_is_erased_after_its_release() {
    let world = World::new(SCHEMA, MAP, None).await;
    let hold =
        world.hold(json!({"kind": "collection", "collection": "shop.card"}), json!({"values": []})).await;
    let job = world.planned().await;
    sealed_as_before(&world, job).await;
    let ended = world.finish(job, &organisation("1")).await;
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
    assert_eq!(world.retained(job).await, [(hold, 20)]);
    // Which rows these were, earlier code has not written down.
    world.admin.batch_execute("DELETE FROM retained_rows").await.unwrap();
    let officer = testkit::owner("officer-1");
    let jobs = world.api.release_hold(&organisation("1"), hold, &officer).await.unwrap();
    let ended = world.finish(jobs[0], &organisation("1")).await;
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
    assert_eq!(world.rows("SELECT count(*) FROM card").await, ["(20)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_of_earlier_code_is_told_before_anything_is_planned_and_finishes_what_was() {
    let world = World::new(SCHEMA, MAP, None).await;
    let job = world.planned().await;
    world.client.batch_execute("ALTER TABLE lethe.journal DROP COLUMN xid").await.unwrap();
    let told = "the table lethe.journal of store `shop` is of an earlier version";
    let person = world.erase_person("1", "email", "p1@example.org").await;
    let failure = person.failure.unwrap_or_default();
    assert!(
        failure.starts_with("journal_outdated: nothing was erased: ") && failure.contains(told),
        "{failure}"
    );
    // Rows are erased all the same; the end cannot be told of the telephone numbers.
    let ended = world.finish(job, &organisation("1")).await;
    assert!(ended.failure.unwrap_or_default().contains(told));
    world.client.batch_execute(&connectors::erase::journal_ddl("postgres")).await.unwrap();
    world.api.retry_job(&organisation("1"), job, &testkit::owner("owner-1")).await.unwrap();
    let ended = world.finish(job, &organisation("1")).await;
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
    let undecided = world.verified(job).await["undecided"].clone();
    assert_eq!(
        undecided,
        json!([{"collection": "shop.person", "column": "phone", "rows": 20}]),
        "named, not passed"
    );
}
