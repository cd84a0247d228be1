//! A job as it is watched: what moves, and every change once.

use domain::id::JobId;
use store::JobGlance;
use testkit::organisation;

use super::support::{World, whole};

async fn glance(world: &World, job: JobId, after: i64) -> JobGlance {
    world.api.job_glance(&organisation("acme"), job, after).await.unwrap().unwrap()
}

fn versions(glance: &JobGlance) -> Vec<i64> {
    glance.changes.iter().filter_map(|change| change.version).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_those_behind_a_version_wherever_they_are_on_their_way_to_the_log() {
    let world = World::new().await;
    let job = world.completed("acme").await;
    let seen = glance(&world, job, 0).await;
    let last = seen.summary.version;
    assert_eq!(seen.summary.state, "completed");
    assert_eq!(versions(&seen), (1..=last).collect::<Vec<_>>());
    assert_eq!(versions(&glance(&world, job, last - 2).await), [last - 1, last]);
    assert!(versions(&glance(&world, job, last).await).is_empty());

    // The log has taken some, and the outbox has let go of them.
    world.deliver_audit().await;
    world.admin.batch_execute("DELETE FROM outbox WHERE job_version <= 2").await.unwrap();
    assert_eq!(versions(&glance(&world, job, 0).await), (1..=last).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organisations_job_is_not_seen() {
    let world = World::new().await;
    let job = world.planned("acme", vec![whole(1)]).await;
    assert!(world.api.job_glance(&organisation("globex"), job, 0).await.unwrap().is_none());
    assert_eq!(glance(&world, job, 0).await.progress.rows_done, 0);
}
