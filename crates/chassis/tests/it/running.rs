//! Claim, acknowledge, run, conclude: once each, however often a message comes.

use domain::id::StepNo;
use domain::job::StepKind;
use store::Produced;
use testkit::{PATIENCE, eventually};

use super::support::{Behaviour, QUEUE, Runner, World, due, planning, settings, times};

#[tokio::test(flavor = "multi_thread")]
async fn a_step_runs_once_although_it_is_delivered_five_times() {
    let world = World::new().await;
    let runner = Runner::new(|_| Behaviour::Wait);
    let service = world.start(&runner, settings()).await;
    let job = world.job("acme").await;
    runner.wait_until_busy(1).await;
    // While it runs …
    for _ in 0..5 {
        world.vhost.put(QUEUE, &due(job, 1)).await;
    }
    let acknowledged = async |count: f64| {
        let all = async || service.settled("acknowledged") >= count;
        eventually(PATIENCE, &format!("{count} deliveries are acknowledged"), all).await;
    };
    acknowledged(6.0).await;
    runner.release(1);
    world.wait_for_job(job, "completed").await;
    // … and after it has ended.
    for _ in 0..5 {
        world.vhost.put(QUEUE, &due(job, 1)).await;
    }
    acknowledged(11.0).await;
    assert_eq!(runner.runs(), [(StepNo(1), 1)]);
    assert_eq!(world.step(job, 1).await, ("completed".to_owned(), 1, None));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_acknowledged_when_the_claim_has_committed_and_not_at_the_end() {
    let world = World::new().await;
    let runner = Runner::new(|_| Behaviour::Wait);
    let service = world.start(&runner, settings()).await;
    let job = world.job("acme").await;
    runner.wait_until_busy(1).await;
    assert_eq!(world.step(job, 1).await.0, "running");
    eventually(PATIENCE, "the message is acknowledged", async || service.settled("acknowledged") >= 1.0)
        .await;
    assert_eq!(runner.busy(), 1);
    runner.release(1);
    world.wait_for_job(job, "completed").await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_workers_carry_a_large_job_through_its_phases() {
    const STEPS: usize = 40;
    let world = World::new().await;
    let runner = Runner::new(|step| match step.kind {
        StepKind::PlanExport => Behaviour::Produce(planning(STEPS)),
        _ => {
            let result = Some(serde_json::json!({"step": step.step_no}));
            Behaviour::Produce(Produced { result, ..Produced::default() })
        }
    });
    let mut services = Vec::new();
    for _ in 0..3 {
        services.push(world.start(&runner, settings()).await);
    }
    let job = world.job("acme").await;
    world.wait_for_job(job, "completed").await;
    let last = i32::try_from(STEPS).unwrap() + 2;
    assert_eq!(times(&runner), (1..=last).map(|step| (step, 1)).collect());
    assert_eq!(runner.runs().last(), Some(&(StepNo(last), 1)));
    let query = "SELECT count(*), max(job_version) FROM outbox WHERE kind = 'audit.event'";
    let row = world.admin.query_one(query, &[]).await.unwrap();
    let (events, versions): (i64, i64) = (row.get(0), row.get(1));
    assert_eq!((events, versions), (45, 45), "created, started, 42 steps, completed");
    for service in services {
        assert_eq!(service.counter("privacy_fence_rejected_total"), 0.0);
        service.stop().await;
    }
    let unpublished = "SELECT count(*) FROM outbox WHERE published_at IS NULL";
    let unpublished: i64 = world.admin.query_one(unpublished, &[]).await.unwrap().get(0);
    assert_eq!(unpublished, 0, "a service that has stopped leaves nothing unsaid");
}
