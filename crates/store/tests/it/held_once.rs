//! Rows that several holds cover are left because of the first of them, and counted once.

use domain::job::law::Conclusion;
use testkit::organisation;

use crate::holding::{ORGANISATION, left, place, release, verifying};
use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_run_after_a_release_learns_of_the_holds_that_came_before_released_or_not() {
    let world = World::new().await;
    let mut holds = Vec::new();
    for _ in 0..4 {
        holds.push(place(&world, ORGANISATION).await);
    }
    // At the same microsecond the smaller id comes first.
    let tied = format!(
        "BEGIN; SET LOCAL session_replication_role = replica; UPDATE legal_holds SET placed_at = \
         (SELECT placed_at FROM legal_holds WHERE id = '{}') WHERE id = '{}'; COMMIT",
        holds[1], holds[2]
    );
    world.admin.batch_execute(&tied).await.unwrap();
    let step = verifying(&world).await;
    let kept = [holds[0], holds[1], holds[2]];
    world.conclude_erasure(&step, Conclusion::Completed, left(&kept)).await;
    let ours = organisation(ORGANISATION);
    let before = async |hold| world.eraser.retained_before(&ours, step.job_id, hold).await.unwrap();
    release(&world, holds[0]).await;
    assert!(before(holds[0]).await.is_empty());
    assert_eq!(before(holds[1]).await, [holds[0]]);
    assert_eq!(before(holds[2]).await, [holds[0], holds[1]]);
    assert_eq!(before(holds[3]).await, kept, "it left no rows itself, and came last");
    assert!(before(uuid::Uuid::nil()).await.is_empty());
    let elsewhere = organisation("other");
    assert!(world.eraser.retained_before(&elsewhere, step.job_id, holds[2]).await.unwrap().is_empty());
}
