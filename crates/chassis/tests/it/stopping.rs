//! An orderly stop in the middle of a step.

use std::time::Duration;

use domain::id::StepNo;
use testkit::{PATIENCE, eventually};

use super::support::{Behaviour, QUEUE, Runner, World, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_long_step_is_given_back_and_announced_at_once_and_counts_no_attempt() {
    let world = World::new().await;
    let slow = Runner::new(|_| Behaviour::Wait);
    let first = world.start(&slow, settings()).await;
    let job = world.job("acme").await;
    slow.wait_until_busy(1).await;
    first.stop().await;
    assert_eq!(slow.busy(), 0, "the run was dropped");
    assert_eq!(world.step(job, 1).await, ("due".to_owned(), 0, None));
    let unpublished = "SELECT count(*) FROM outbox WHERE published_at IS NULL";
    assert_eq!(count(&world, unpublished).await, 0, "its announcement went out before the service ended");
    eventually(PATIENCE, "the announcement waits", async || world.vhost.depth(QUEUE).await == 1).await;

    // Nobody sweeps here: the announcement alone brings the step to another worker.
    let quick = Runner::default();
    let second = world.start(&quick, settings()).await;
    world.wait_for_job(job, "completed").await;
    assert_eq!(quick.runs(), [(StepNo(1), 1)]);
    let versions = "SELECT count(*) FROM outbox WHERE kind = 'audit.event'";
    assert_eq!(count(&world, versions).await, 4, "created, started, step completed, completed");
    second.stop().await;
}

async fn count(world: &World, query: &str) -> i64 {
    world.admin.query_one(query, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_nearly_done_is_finished() {
    let world = World::new().await;
    let runner = Runner::new(|_| Behaviour::Wait);
    let mut settings = settings();
    settings.finish_within = Duration::from_secs(30);
    let service = world.start(&runner, settings).await;
    let job = world.job("acme").await;
    runner.wait_until_busy(1).await;
    service.tell_to_stop();
    runner.release(1);
    service.stop().await;
    assert_eq!(world.job_state(job).await, "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_takes_no_new_steps() {
    let world = World::new().await;
    let runner = Runner::new(|_| Behaviour::Wait);
    let mut settings = settings();
    settings.finish_within = Duration::from_secs(30);
    let service = world.start(&runner, settings).await;
    let first = world.job("acme").await;
    runner.wait_until_busy(1).await;
    service.tell_to_stop();
    let second = world.job("globex").await;
    eventually(PATIENCE, "the new step is announced", async || world.vhost.depth(QUEUE).await == 1).await;
    runner.release(1);
    service.stop().await;
    assert_eq!(world.job_state(first).await, "completed");
    assert_eq!(world.job_state(second).await, "pending");
    assert_eq!(runner.runs().len(), 1);
}
