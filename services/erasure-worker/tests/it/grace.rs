//! The mark on the organisation while its grace period runs.

use domain::id::JobId;
use store::Accepted;
use testkit::{new_erasure, organisation, owner, worker};

use crate::world::World;

pub const ORGANISATION: &str = "7";

/// Companies marked as deleted by a time, with people.
pub const SHOP: &str = "
    CREATE TABLE company (id int PRIMARY KEY, name text NOT NULL, closed_at timestamptz);
    CREATE TABLE person (id int PRIMARY KEY, company_id int NOT NULL REFERENCES company, email text);
    INSERT INTO company VALUES (7, 'Seven', NULL), (8, 'Eight', NULL);
    INSERT INTO person VALUES (1, 7, 'one@example.org'), (2, 8, 'two@example.org');";

pub const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: company, key: id, name: name, soft_delete: closed_at}}
  collections:
  - name: company
    lethe: {tenant: id}
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}, {name: closed_at}]
  - name: person
    lethe: {tenant: company_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: company_id, fides_meta: {references: [{dataset: shop, field: company.id, direction: from}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
";

async fn scheduled(world: &World) -> JobId {
    match world.api.create_erasure(&new_erasure(ORGANISATION)).await.unwrap() {
        Accepted::Created(job) | Accepted::Replayed(job) => job,
    }
}

pub async fn marked(world: &World) -> Vec<String> {
    world.rows("SELECT id FROM company WHERE closed_at IS NOT NULL").await
}

async fn cancel(world: &World, job: JobId) {
    world.api.cancel_job(&organisation(ORGANISATION), job, &owner("owner-1")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_set_at_once_and_taken_away_when_the_erasure_is_called_off() {
    let world = World::new(SHOP, MAP, None).await;
    let before = world.digests().await;
    let job = scheduled(&world).await;
    world.finish(job, &organisation(ORGANISATION)).await;
    assert_eq!(marked(&world).await, ["(7)"]);
    cancel(&world, job).await;
    let ended = world.finish(job, &organisation(ORGANISATION)).await;
    assert_eq!(ended.state, "cancelled");
    assert_eq!(world.digests().await, before, "nothing is changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_back_from_the_dead_does_not_mark_what_was_restored() {
    let world = World::new(SHOP, MAP, None).await;
    let before = world.digests().await;
    let job = scheduled(&world).await;
    let zombie = world.claim(job, 1).await;
    cancel(&world, job).await;
    world.finish(job, &organisation(ORGANISATION)).await;
    world.run_anyway(&zombie).await;
    assert_eq!(world.digests().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_of_somebody_else_stays() {
    let world = World::new(SHOP, MAP, None).await;
    world.client.batch_execute("UPDATE company SET closed_at = '2020-01-01' WHERE id = 7").await.unwrap();
    let before = world.digests().await;
    let job = scheduled(&world).await;
    world.finish(job, &organisation(ORGANISATION)).await;
    cancel(&world, job).await;
    world.finish(job, &organisation(ORGANISATION)).await;
    assert_eq!(world.digests().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn once_it_is_over_the_rows_are_erased() {
    let world = World::new(SHOP, MAP, None).await;
    let job = scheduled(&world).await;
    world.finish(job, &organisation(ORGANISATION)).await;
    let now = world.admin.query_one("SELECT clock_timestamp()", &[]).await.unwrap().get(0);
    world.control.end_grace(job, now).await;
    let scheduler = world.control.store_as("lethe_scheduler");
    assert_eq!(scheduler.release_scheduled(now, &worker("retention-scheduler")).await.unwrap(), 1);
    let ended = world.finish(job, &organisation(ORGANISATION)).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    assert_eq!(world.rows("SELECT email FROM person WHERE id = 2").await, ["(two@example.org)"]);
    let erased = world.rows("SELECT email FROM person WHERE id = 1").await;
    assert!(!erased[0].contains("one@example.org"), "{erased:?}");
}
