//! Connections that are lost, on either side: nothing stays locked, and the next one works.

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

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_ended_are_replaced() {
    let world = World::new().await;
    let job = world.job("acme").await;
    world.claim(job, 1).await;
    let end = "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity \
               WHERE usename LIKE 'lethe%' AND datname = current_database()";
    assert!(world.count(end).await >= 2);
    for store in [&world.api, &world.export] {
        store.ping().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_may_come_back() {
    let url = secrecy::SecretString::from("postgres://nobody@127.0.0.1:9/nothing".to_owned());
    let store = store::Store::open(&store::StoreConfig { url, max_connections: 1 }).unwrap();
    let error = store.ping().await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("nobody"), "{error:?}");
}
