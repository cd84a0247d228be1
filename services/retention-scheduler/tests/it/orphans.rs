//! What jobs leave behind beside their packages.

use testkit::s3::{Faults, S3Server};
use testkit::{organisation, owner};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failed_job_left_is_swept_after_a_while() {
    let server = S3Server::start();
    let world = World::new(&server.url(), server.options()).await;
    world.failed().await;
    world.round().await;
    assert_eq!(world.objects().await.len(), 1, "a worker may not have noticed yet");
    world.time_passes("11 minutes").await;
    world.round().await;
    assert_eq!(server.objects(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_late_writer_leaves_is_found_a_day_later() {
    let server = S3Server::start();
    let world = World::new(&server.url(), server.options()).await;
    let (job, _) = world.failed().await;
    world.time_passes("11 minutes").await;
    world.round().await;
    world.write(job, (2, 1), "late").await;
    world.round().await;
    assert_eq!(world.objects().await.len(), 1);
    world.time_passes("1 day").await;
    world.round().await;
    assert_eq!(server.objects(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_is_alive_stays_when_its_folder_is_swept() {
    let server = S3Server::start();
    let world = World::new(&server.url(), server.options()).await;
    let (_, package) = world.completed().await;
    assert_eq!(world.objects().await.len(), 2);
    world.time_passes("11 minutes").await;
    world.round().await;
    assert_eq!(world.objects().await, [package.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_loses_what_killed_writers_staged_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let fsync = vec![("fsync".to_owned(), "false".to_owned())];
    let world = World::new(&format!("file://{}", directory.path().display()), fsync).await;
    let (job, key) = world.failed().await;
    let attempt = directory.path().join(key.as_str());
    let attempt = attempt.parent().unwrap();
    std::fs::write(attempt.join("package.zip#1"), b"begun").unwrap();
    world.db.store_as("lethe_api").retry_job(&organisation("acme"), job, &owner("owner-1")).await.unwrap();
    let step = world.claim(job, 2).await;
    assert_eq!(step.epoch, 2);
    let running = attempt.with_file_name("2-2");
    std::fs::create_dir(&running).unwrap();
    std::fs::write(running.join("package.zip#1"), b"being written").unwrap();
    world.time_passes("2 days").await;
    world.round().await;
    assert!(attempt.join("package.zip#1").exists(), "a job that runs is not swept");
    world.db.store_as("lethe_api").cancel_job(&organisation("acme"), job, &owner("owner-1")).await.unwrap();
    world.time_passes("11 minutes").await;
    world.round().await;
    assert!(!attempt.exists() && !running.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_is_under_way_while_its_folder_is_swept_keeps_what_it_writes() {
    let server = S3Server::start();
    let world = World::new(&server.url(), server.options()).await;
    let (job, old) = world.failed().await;
    world.time_passes("11 minutes").await;
    // The folder is taken, and its objects cannot be listed yet.
    server.set_faults(Faults { errors: 1.0, only: Some("list-type"), ..Faults::default() });
    let before = server.requests();
    let begun_again = async {
        let until = std::time::Instant::now() + testkit::PATIENCE;
        while server.requests() == before {
            assert!(std::time::Instant::now() < until, "nobody sweeps");
            tokio::task::yield_now().await;
        }
        let api = world.db.store_as("lethe_api");
        api.retry_job(&organisation("acme"), job, &owner("owner-1")).await.unwrap();
        let step = world.claim(job, 2).await;
        assert_eq!(step.epoch, 2);
        let new = world.write(job, (2, 2), "part").await;
        server.set_faults(Faults::default());
        new
    };
    let (_, new) = tokio::join!(world.round(), begun_again);
    assert_ne!(old, new);
    assert_eq!(world.objects().await, [new.as_str()], "the old attempt's are swept, and no other");
}
