//! Packages end.

use testkit::s3::{Faults, S3Server};
use testkit::worker;

use crate::world::World;

async fn ends(world: &World) {
    let (job, key) = world.completed().await;
    assert_eq!(world.round().await, 0);
    assert_eq!(world.state(job).await, "completed");
    assert!(world.packages.head(&key).await.unwrap().is_some());
    world.packages_end().await;
    assert_eq!(world.round().await, 1);
    assert_eq!(world.state(job).await, "expired");
    assert_eq!(world.objects().await, Vec::<String>::new());
    assert_eq!(world.round().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_in_a_directory_ends_with_everything_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let fsync = vec![("fsync".to_owned(), "false".to_owned())];
    let world = World::new(&format!("file://{}", directory.path().display()), fsync).await;
    ends(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_in_a_bucket_ends_with_everything_beside_it() {
    let server = S3Server::start();
    let world = World::new(&server.url(), server.options()).await;
    ends(&world).await;
    assert_eq!(server.objects(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_delays_the_end_and_is_not_asked_all_the_time() {
    let server = S3Server::start();
    let mut options = server.options();
    options.push(("max_retries".to_owned(), "0".to_owned()));
    let world = World::new(&server.url(), options).await;
    let mut jobs = Vec::new();
    for _ in 0..6 {
        jobs.push(world.completed().await.0);
    }
    world.packages_end().await;
    server.set_faults(Faults { errors: 1.0, ..Faults::default() });
    let before = server.requests();
    assert_eq!(world.round().await, 0);
    assert_eq!(server.requests() - before, 3, "it gave up after a few");
    assert!(world.metrics.render().unwrap().contains("privacy_folders_total{outcome=\"failed\"} 3"));
    for job in &jobs {
        assert_eq!(world.state(*job).await, "completed");
    }
    server.set_faults(Faults::default());
    assert_eq!(world.round().await, 6);
    assert_eq!(server.objects(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_beside_each_other_expire_each_job_once() {
    let server = S3Server::start();
    let world = World::new(&server.url(), server.options()).await;
    for _ in 0..4 {
        world.completed().await;
    }
    world.packages_end().await;
    let (mut one, mut other) = (world.folders(), world.folders());
    let origin = worker("retention-scheduler");
    let (one, other) = tokio::join!(one.round(&origin), other.round(&origin));
    assert_eq!(one.unwrap() + other.unwrap(), 4);
    let events = "SELECT count(*) FROM outbox WHERE position('job_expired'::bytea IN body) > 0";
    let events: i64 = world.admin.query_one(events, &[]).await.unwrap().get(0);
    assert_eq!(events, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_after_deleting_is_repeated_without_harm() {
    let server = S3Server::start();
    let world = World::new(&server.url(), server.options()).await;
    let (job, _) = world.completed().await;
    world.packages_end().await;
    // All that the one that crashed had come to.
    world.packages.sweep("organisations", &[]).await.unwrap();
    assert_eq!(world.round().await, 1);
    assert_eq!(world.state(job).await, "expired");
}
