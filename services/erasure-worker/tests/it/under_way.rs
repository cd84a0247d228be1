//! What is heard and told of an erasure while it is under way: signs of life, a call to stop, slow references.

use chassis::{StepProgress, StepRunner as _};
use domain::erasure::Unindexed;
use domain::schema::TableName;
use testkit::{new_erasure, organisation, owner};

use crate::world::World;

/// Members refer to each other, so that all of them go in one statement or none.
const SCHEMA: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE member (id int PRIMARY KEY, org int NOT NULL REFERENCES org, invited_by int REFERENCES member,
        phone text);
    CREATE TABLE visit (id int PRIMARY KEY, org int NOT NULL REFERENCES org, member int NOT NULL REFERENCES member,
        host int REFERENCES member);
    CREATE INDEX ON member (invited_by);
    CREATE INDEX ON visit (member);
    INSERT INTO org VALUES (1, 'One'), (2, 'Two');
    INSERT INTO member SELECT n, 1 + n % 2, CASE WHEN n > 5 THEN n - 2 END, '030 ' || n FROM generate_series(4, 41) n;
    INSERT INTO visit SELECT n, 1 + n % 2, n, n FROM generate_series(4, 41) n;";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name, lethe: {strategy: keep}}
  - name: member
    lethe: {tenant: org, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: invited_by}
    - {name: phone, data_categories: [user.contact.phone_number]}
  - name: visit
    lethe: {tenant: org, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: member, fides_meta: {references: [{dataset: shop, field: member.id}]}}
    - {name: host, fides_meta: {references: [{dataset: shop, field: member.id}]}}
";

async fn world() -> World {
    World::new(SCHEMA, MAP, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_go_in_one_statement_are_heard_of_before_it_ends() {
    let world = world().await;
    let job = world.planned().await;
    let sql = "SELECT step_no FROM job_steps WHERE job_id = $1 AND collection = 'shop.member'";
    let members: i32 = world.admin.query_one(sql, &[&job.0]).await.unwrap().get(0);
    while let Some(step) = world.due(job).await.filter(|step| *step != members) {
        world.step(&world.claim(job, step).await).await;
    }
    let client = world.another().await;
    client.batch_execute("BEGIN; SELECT FROM member WHERE id = 8 FOR UPDATE").await.unwrap();
    let claimed = world.claim(job, members).await;
    let progress = StepProgress::default();
    let look = async {
        world.blocked(1).await;
        let before = progress.beats();
        client.batch_execute("COMMIT").await.unwrap();
        before
    };
    let (done, before) = tokio::join!(world.worker.run(&claimed, &progress), look);
    done.unwrap();
    assert!(before > 0, "nothing was heard while its one statement went on");
    assert!(progress.beats() > before + 1, "what follows the statement is heard too");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_is_called_off_while_it_is_planned_changes_nothing() {
    let world = world().await;
    let before = world.digests().await;
    let mut new = new_erasure("1");
    new.request.grace_period_days = 0.try_into().unwrap();
    new.soft_deletes = false;
    let job = world.accepted(&new).await;
    // Planning rehearses, and waits for a row.
    let client = world.another().await;
    client.batch_execute("BEGIN; SELECT FROM visit WHERE id = 4 FOR UPDATE").await.unwrap();
    let claimed = world.claim(job, 1).await;
    let call_off = async {
        world.blocked(1).await;
        world.api.cancel_job(&organisation("1"), job, &owner("owner-1")).await.unwrap();
        client.batch_execute("ROLLBACK").await.unwrap();
    };
    tokio::join!(world.run_anyway(&claimed), call_off);
    let ended = world.finish(job, &organisation("1")).await;
    assert_eq!(ended.state, "cancelled");
    assert_eq!(world.digests().await, before);
    assert_eq!(world.journalled(job).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn references_that_no_index_finds_are_in_the_plan() {
    let world = world().await;
    let ended = world.erase("1").await;
    assert_eq!(ended.state, "completed", "{:?}", ended.failure);
    let plan = world.plan(&ended, "1").await;
    let table = |table: &str| TableName { schema: "public".to_owned(), table: table.to_owned() };
    let host = Unindexed { table: table("visit"), columns: vec!["host".to_owned()], target: table("member") };
    assert_eq!(plan.unindexed, [host]);
    // A plan that was made before says nothing of it.
    let mut json = serde_json::to_value(&plan).unwrap();
    json.as_object_mut().unwrap().remove("unindexed");
    let read: domain::erasure::document::PlanDocument = serde_json::from_value(json).unwrap();
    assert_eq!(read.unindexed, []);
}
