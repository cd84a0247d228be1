//! Holds that nobody can obey any more keep a job waiting until they are released.

use contracts::http::JobView;
use domain::id::JobId;
use serde_json::json;
use testkit::{organisation, owner};
use uuid::Uuid;

use crate::binding::{STANDING, completed, person, world};
use crate::released::{all_notes, before_the_last_look, notes, release};
use crate::world::World;

/// The job says for which hold it waits.
fn names(view: &JobView, hold: Uuid) {
    let reason = view.waits_for.as_ref().map(|reason| reason.detail.clone()).unwrap_or_default();
    assert!(reason.contains(&hold.to_string()), "{reason}");
}

/// The steps of a job over the rows of a collection.
async fn steps(world: &World, job: JobId, collection: &str) -> Vec<i32> {
    let sql = "SELECT step_no FROM job_steps WHERE job_id = $1 AND collection = $2 ORDER BY step_no";
    let rows = world.admin.query(sql, &[&job.0, &collection]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_on_a_person_whose_way_is_cut_keeps_the_steps_that_are_left_waiting() {
    let world = world().await;
    let job = world.planned().await;
    for step in steps(&world, job, "shop.customer").await {
        world.step(&world.claim(job, step).await).await;
    }
    // Nobody has that address any more; whose notes these are nobody can tell by it.
    let (scope, sealed) = person("email", "c2000@example.org");
    let hold = world.hold(scope, sealed).await;
    let step = steps(&world, job, "shop.note").await[0];
    world.step(&world.claim(job, step).await).await;
    let view = world.api.job_view(&organisation("1"), job).await.unwrap().unwrap();
    assert_eq!(view.summary.state, "on_hold");
    names(&view, hold);
    assert_eq!(world.rows(STANDING).await.len(), 2_500);
    assert_eq!(release(&world, hold).await, [0_i64; 0]);
    completed(&world.finish(job, &organisation("1")).await);
    assert_eq!(world.rows(STANDING).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_on_a_person_whose_way_is_cut_keeps_the_run_after_a_release_waiting() {
    let world = world().await;
    let ours = organisation("1");
    let (scope, sealed) = all_notes();
    let notes = world.hold(scope, sealed).await;
    completed(&world.erase("1").await);
    // Nobody has that address any more; whose notes these are nobody can tell by it.
    let (scope, sealed) = person("email", "c7@example.org");
    let someone = world.hold(scope, sealed).await;
    let jobs = world.api.release_hold(&ours, notes, &owner("officer-1")).await.unwrap();
    world.step(&world.claim(jobs[0], 1).await).await;
    let view = world.api.job_view(&ours, jobs[0]).await.unwrap().unwrap();
    assert_eq!(view.summary.state, "on_hold");
    names(&view, someone);
    assert_eq!(world.rows(STANDING).await.len(), 2_500, "nothing is erased meanwhile");
    assert_eq!(release(&world, someone).await, [0_i64; 0]);
    completed(&world.finish(jobs[0], &ours).await);
    assert_eq!(world.rows(STANDING).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_on_a_person_whose_way_is_cut_keeps_a_further_pass_waiting() {
    let world = world().await;
    let ours = organisation("1");
    let job = world.planned().await;
    before_the_last_look(&world, job, "UPDATE note SET body = 'note 7' WHERE id = 7").await;
    let (scope, sealed) = person("email", "c7@example.org");
    let hold = world.hold(scope, sealed).await;
    world.api.retry_job(&ours, job, &owner("owner-1")).await.unwrap();
    let step = world.due(job).await.unwrap();
    world.step(&world.claim(job, step).await).await;
    let view = world.api.job_view(&ours, job).await.unwrap().unwrap();
    assert_eq!(view.summary.state, "on_hold");
    names(&view, hold);
    assert_eq!(world.rows(STANDING).await, ["(7)"]);
    assert_eq!(release(&world, hold).await, [0_i64; 0]);
    completed(&world.finish(job, &ours).await);
    assert_eq!(world.rows(STANDING).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_cannot_be_obeyed_and_comes_late_keeps_the_job_waiting() {
    let world = world().await;
    let ours = organisation("1");
    let job = world.planned().await;
    let hold = world.hold(notes("at_least"), json!({"values": ["abc"]})).await;
    let step = world.due(job).await.unwrap();
    world.step(&world.claim(job, step).await).await;
    let view = world.api.job_view(&ours, job).await.unwrap().unwrap();
    assert_eq!(view.summary.state, "on_hold", "{:?}", view.failure);
    names(&view, hold);
    assert_eq!(release(&world, hold).await, [0_i64; 0]);
    completed(&world.finish(job, &ours).await);
    assert_eq!(world.rows(STANDING).await.len(), 0);
}
