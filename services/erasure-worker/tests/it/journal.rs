//! The journal of a store and what the steps reported are two witnesses, and a job ends well only when they
//! agree.

use domain::id::JobId;
use testkit::{organisation, owner};

use crate::world::World;

const SCHEMA: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE note (id int PRIMARY KEY, org int NOT NULL REFERENCES org, text text);
    INSERT INTO org VALUES (1, 'One');
    INSERT INTO note SELECT n, 1, 'note ' || n FROM generate_series(1, 30) n;";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name, lethe: {strategy: keep}}
  - name: note
    lethe: {tenant: org, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: text, data_categories: [user.content]}
";

/// Whether the step that is due is the look at the end.
async fn verifies(world: &World, job: JobId, step: i32) -> bool {
    let kind = "SELECT kind = 'verify_erasure' FROM job_steps WHERE job_id = $1 AND step_no = $2";
    world.admin.query_one(kind, &[&job.0, &step]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_differs_from_what_the_steps_reported_lets_no_job_end_well() {
    for (falsify, found) in [
        ("UPDATE lethe.journal SET rows = 31 WHERE rows = 30", 31),
        ("UPDATE lethe.journal SET rows = 29 WHERE rows = 30", 29),
    ] {
        let world = World::new(SCHEMA, MAP, None).await;
        let job = world.planned().await;
        while let Some(step) = world.due(job).await {
            if verifies(&world, job, step).await {
                break;
            }
            world.step(&world.claim(job, step).await).await;
        }
        assert_eq!(world.journalled(job).await, 30);
        world.client.batch_execute(falsify).await.unwrap();
        let ended = world.finish(job, &organisation("1")).await;
        let told = format!(
            "journal_differs: the steps reported 30 rows, but the journals of the stores have {found}"
        );
        assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("failed", Some(told.as_str())));
        world
            .client
            .batch_execute("UPDATE lethe.journal SET rows = 30 WHERE rows IN (29, 31)")
            .await
            .unwrap();
        world.api.retry_job(&organisation("1"), job, &owner("owner-1")).await.unwrap();
        let ended = world.finish(job, &organisation("1")).await;
        assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    }
}
