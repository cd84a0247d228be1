//! Workers that lose their step: they are stopped or fenced out, and what they did does not count.

use std::time::Duration;

use domain::id::StepNo;
use store::Produced;
use testkit::{PATIENCE, eventually, organisation, owner};

use super::support::{Behaviour, Runner, World, settings};

const FENCED: &str = "privacy_fence_rejected_total";

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_comes_back_after_its_lease_has_no_effect() {
    let world = World::new().await;
    // Whether it learns of its loss from its heartbeat or from its report is a matter of luck.
    let zombie = Runner::new(|_| Behaviour::Wait);
    let first = world.start(&zombie, settings()).await;
    let job = world.job("acme").await;
    zombie.wait_until_busy(1).await;
    world.lapse(job, 1).await;
    assert_eq!(world.step(job, 1).await, ("due".to_owned(), 1, Some("worker_lost".to_owned())));
    zombie.release(1);
    eventually(PATIENCE, "the zombie is fenced", async || first.counter(FENCED) == 1.0).await;
    assert_eq!(world.step(job, 1).await.0, "due");
    first.stop().await;

    let result = serde_json::json!({"from": "the successor"});
    let produced = Produced { result: Some(result.clone()), ..Produced::default() };
    let successor = Runner::new(move |_| Behaviour::Produce(produced.clone()));
    let second = world.start(&successor, settings()).await;
    world.sweep_until_job(job, "completed").await;
    assert_eq!(successor.runs(), [(StepNo(1), 2)]);
    assert_eq!(second.counter(FENCED), 0.0);
    let kept: serde_json::Value =
        world.admin.query_one("SELECT result FROM job_steps", &[]).await.unwrap().get(0);
    assert_eq!(kept, result);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_stops_its_workers_at_the_next_heartbeat() {
    let world = World::new().await;
    let runner = Runner::new(|_| Behaviour::Wait);
    let mut settings = settings();
    settings.lease = Duration::from_secs(2);
    let service = world.start(&runner, settings).await;
    let job = world.job("acme").await;
    runner.wait_until_busy(1).await;
    world.api.cancel_job(&organisation("acme"), job, &owner("owner-1")).await.unwrap();
    eventually(PATIENCE, "the run is dropped", async || runner.busy() == 0).await;
    eventually(PATIENCE, "the loss is counted", async || service.counter(FENCED) == 1.0).await;
    assert_eq!(world.job_state(job).await, "cancelled");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_step_keeps_its_lease_as_long_as_it_shows_progress() {
    let world = World::new().await;
    let runner = Runner::new(|_| Behaviour::Wait);
    let mut settings = settings();
    settings.lease = Duration::from_secs(6);
    let service = world.start(&runner, settings).await;
    let job = world.job("acme").await;
    runner.wait_until_busy(1).await;
    let expiry = async || -> chrono::DateTime<chrono::Utc> {
        world.admin.query_one("SELECT lease_expires_at FROM job_steps", &[]).await.unwrap().get(0)
    };
    let first = expiry().await;
    eventually(PATIENCE, "the lease was renewed past its first end", async || {
        world.sweep().await;
        expiry().await > first + chrono::TimeDelta::seconds(7)
    })
    .await;
    assert_eq!(runner.busy(), 1);
    runner.release(1);
    world.wait_for_job(job, "completed").await;
    assert_eq!(runner.runs(), [(StepNo(1), 1)]);
    service.stop().await;
}
