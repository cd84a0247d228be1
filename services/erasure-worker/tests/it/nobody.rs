//! Whether somebody was found: by any pass of a job, and in rows of whatever kind.

use chassis::{StepProgress, StepRunner as _};
use testkit::{organisation, owner};

use crate::binding::completed;
use crate::released::before_the_last_look;
use crate::world::{Ended, World};

/// Customers whose rows go, and messages that they share with others.
const SCHEMA: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE customer (id int PRIMARY KEY, org int NOT NULL REFERENCES org, email text);
    CREATE TABLE message (id int PRIMARY KEY, org int NOT NULL REFERENCES org, sender text, receiver text NOT NULL);
    INSERT INTO org VALUES (1, 'One'), (2, 'Two');
    INSERT INTO customer VALUES (1, 1, 'ada@example.org'), (2, 1, 'bob@example.org'), (3, 2, 'eve@example.org');
    INSERT INTO message VALUES (1, 1, 'cyd@example.org', 'bob@example.org'), (2, 1, 'bob@example.org', 'dan@example.org');";

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
    lethe: {tenant: org, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
  - name: message
    lethe: {tenant: org, rows: shared}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: sender, data_categories: [user.contact.email], lethe: {strategy: null}, fides_meta: {identity: email}}
    - {name: receiver, data_categories: [user.contact.email], lethe: {strategy: redact_text}, fides_meta: {identity: email}}
";

async fn world() -> World {
    World::new(SCHEMA, MAP, None).await
}

async fn erased(world: &World, email: &str) -> Ended {
    let ended = world.erase_person("1", "email", email).await;
    completed(&ended);
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stands_only_in_rows_shared_with_others_is_somebody() {
    let world = world().await;
    let sender = erased(&world, "cyd@example.org").await;
    assert_eq!(sender.view.summary.outcome, None, "the link is taken away");
    assert_eq!(world.rows("SELECT sender FROM message ORDER BY id").await, ["()", "(bob@example.org)"]);
    // Where the link may not be empty the row is left, and that is told.
    let receiver = erased(&world, "dan@example.org").await;
    assert_eq!(receiver.view.summary.outcome, None);
    let plan = world.plan(&receiver, "1").await;
    assert!(!plan.nobody_found);
    let left: Vec<_> = plan.collections.iter().map(|left| (left.action.as_str(), left.shared)).collect();
    assert_eq!(left, [("leave", 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stands_in_no_row_of_the_organisation_is_nobody() {
    let world = world().await;
    let before = world.digests().await;
    for nobody in ["fay@example.org", "eve@example.org"] {
        let ended = erased(&world, nobody).await;
        assert_eq!(ended.view.summary.outcome.as_deref(), Some("nobody_found"), "{nobody}");
        assert!(world.plan(&ended, "1").await.nobody_found);
        assert!(ended.view.outlived_by.is_empty());
    }
    assert_eq!(world.digests().await, before);
}

/// What the last look found goes by itself before the owner tries again: then nothing is left to find.
#[tokio::test(flavor = "multi_thread")]
async fn whom_an_earlier_pass_has_found_is_somebody_although_nothing_is_left() {
    let back = |email: &str| format!("INSERT INTO customer VALUES (90, 1, '{email}')");
    for email in ["ada@example.org", "cyd@example.org"] {
        let world = world().await;
        let ours = organisation("1");
        let job = world.accepted(&world.person("1", "email", email)).await;
        before_the_last_look(&world, job, &back(email)).await;
        let failure = world.finish(job, &ours).await.failure.unwrap();
        assert!(failure.starts_with("not_erased: "), "{failure}");
        world.client.batch_execute("DELETE FROM customer WHERE id = 90").await.unwrap();
        world.api.retry_job(&ours, job, &owner("owner-1")).await.unwrap();
        let planning = world.claim(job, world.due(job).await.unwrap()).await;
        let planned = world.worker.run(&planning, &StepProgress::default()).await.unwrap();
        assert_eq!(planned.outcome, None, "{email}");
        world.step(&planning).await;
        let ended = world.finish(job, &ours).await;
        completed(&ended);
        assert_eq!(ended.view.summary.outcome, None, "{email}");
    }
}
