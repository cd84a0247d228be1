//! Work that is dropped half-way leaves nothing locked behind.

use domain::id::StepNo;
use domain::job::law::Conclusion;
use store::{Concluded, Produced};
use testkit::{PATIENCE, eventually};

use super::support::{AT_ONCE, LEASE, World, whole};

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_that_is_dropped_in_the_middle_lets_go_of_its_step() {
    let world = World::new().await;
    let job = world.planned("acme", vec![whole(1)]).await;
    let claimed = world.claim(job, 2).await;
    // Two connections of the worker's are idle now, so that the next transaction has another one.
    let (first, second) = tokio::join!(world.export.ping(), world.export.ping());
    first.and(second).unwrap();

    let blocker = world.db.client().await;
    blocker.batch_execute("BEGIN; SELECT FROM job_steps WHERE step_no = 2 FOR UPDATE").await.unwrap();
    let (store, held) = (world.export.clone(), (job, StepNo(2), claimed.epoch));
    let beat = tokio::spawn(async move { store.renew_step(held, LEASE, &[]).await });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'lethe_export' AND wait_event_type = 'Lock' \
                   AND datname = current_database()";
    eventually(PATIENCE, "the heartbeat waits for the row", async || world.count(waiting).await == 1).await;
    beat.abort();
    assert!(beat.await.unwrap_err().is_cancelled());
    blocker.batch_execute("ROLLBACK").await.unwrap();
    eventually(PATIENCE, "the row is passed on", async || world.count(waiting).await == 0).await;

    let concluding = world.conclude(&claimed, Conclusion::Completed, Produced::default());
    let concluded = tokio::time::timeout(AT_ONCE, concluding).await.expect("the row is free");
    assert!(matches!(concluded, Concluded::Written { .. }), "{concluded:?}");
}
