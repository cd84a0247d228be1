//! Steps that do not end well.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chassis::StepError;
use domain::id::StepNo;
use domain::job::StepKind;
use store::Produced;
use testkit::{PATIENCE, eventually};

use super::support::{Behaviour, Runner, World, planning, reason, settings, times};

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_counts_as_a_failed_attempt_and_the_next_one_succeeds() {
    let world = World::new().await;
    let runner = Runner::new(|step| match step.attempts {
        1 => Behaviour::Panic,
        _ => Behaviour::Produce(Produced::default()),
    });
    let service = world.start(&runner, settings()).await;
    let job = world.job("acme").await;
    world.wait_for_job(job, "retrying").await;
    assert_eq!(world.step(job, 1).await, ("due".to_owned(), 1, Some("worker_fault".to_owned())));
    world.sweep_until_job(job, "completed").await;
    assert_eq!(runner.runs(), [(StepNo(1), 1), (StepNo(1), 2)]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retryable_error_is_tried_again_until_the_attempts_are_used_up() {
    let world = World::new().await;
    let runner = Runner::new(|_| Behaviour::Fail(StepError::Retryable(reason("store_unreachable"))));
    let mut settings = settings();
    settings.max_attempts = 3;
    let service = world.start(&runner, settings).await;
    let job = world.job("acme").await;
    world.sweep_until_job(job, "failed").await;
    assert_eq!(runner.runs().iter().map(|(_, attempt)| *attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(world.step(job, 1).await, ("failed".to_owned(), 3, Some("store_unreachable".to_owned())));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_waits_is_run_again_and_its_attempts_do_not_grow() {
    let world = World::new().await;
    let looks = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&looks);
    let runner = Runner::new(move |step| match (step.kind, seen.fetch_add(1, Ordering::SeqCst)) {
        (_, 0..5) => Behaviour::Fail(StepError::Waiting(reason("open_transactions"))),
        _ => Behaviour::Produce(Produced::default()),
    });
    let mut settings = settings();
    settings.max_attempts = 2;
    let service = world.start(&runner, settings).await;
    let job = world.job("acme").await;
    for look in 1..=5 {
        let waits = ("due".to_owned(), 0, Some("open_transactions".to_owned()));
        let wait = async || looks.load(Ordering::SeqCst) == look && world.step(job, 1).await == waits;
        eventually(PATIENCE, "the step waits", wait).await;
        assert_eq!(world.job_state(job).await, "running");
        // Nobody has time for the pause.
        let over = "UPDATE job_steps SET not_before = clock_timestamp(), announced_at = NULL \
                    WHERE job_id = $1 AND not_before > clock_timestamp() + interval '1 second'";
        assert_eq!(world.admin.execute(over, &[&job.0]).await.unwrap(), 1, "it has a pause");
        world.sweep().await;
    }
    world.wait_for_job(job, "completed").await;
    assert!(runner.runs().iter().all(|(_, attempt)| *attempt == 1), "{:?}", runner.runs());
    let events = "SELECT count(*) FROM outbox WHERE kind = 'audit.event'";
    let events: i64 = world.admin.query_one(events, &[]).await.unwrap().get(0);
    assert_eq!(events, 4, "created, started, step completed, completed");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permanent_error_ends_the_job_and_lets_go_of_its_siblings() {
    let world = World::new().await;
    let runner = Runner::new(|step| match (step.kind, step.step_no) {
        (StepKind::PlanExport, _) => Behaviour::Produce(planning(3)),
        (_, StepNo(2)) => Behaviour::Fail(StepError::Permanent(reason("missing_column"))),
        _ => Behaviour::Wait,
    });
    let mut settings = settings();
    settings.lease = std::time::Duration::from_secs(2);
    let service = world.start(&runner, settings).await;
    let job = world.job("acme").await;
    world.wait_for_job(job, "failed").await;
    eventually(PATIENCE, "the heartbeats stop the siblings", async || runner.busy() == 0).await;
    assert_eq!(world.step(job, 2).await.2.as_deref(), Some("missing_column"));
    for step in [3, 4, 5] {
        assert_eq!(world.step(job, step).await.0, "cancelled");
    }
    assert!(times(&runner).values().all(|times| *times == 1));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_the_database_refuses_fails_the_step_with_a_reason() {
    let world = World::new().await;
    // PostgreSQL stores no NUL, not even in JSON.
    let runner = Runner::new(|step| match step.attempts {
        1 => Behaviour::Produce(Produced { result: Some(serde_json::json!("\0")), ..Produced::default() }),
        _ => Behaviour::Produce(Produced::default()),
    });
    let service = world.start(&runner, settings()).await;
    let job = world.job("acme").await;
    world.wait_for_job(job, "retrying").await;
    assert_eq!(world.step(job, 1).await, ("due".to_owned(), 1, Some("result_refused".to_owned())));
    world.sweep_until_job(job, "completed").await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_cannot_be_written_puts_the_message_back() {
    let world = World::new().await;
    world.admin.batch_execute("REVOKE UPDATE (epoch) ON job_steps FROM lethe_export").await.unwrap();
    let runner = Runner::default();
    let service = world.start(&runner, settings()).await;
    let job = world.job("acme").await;
    eventually(PATIENCE, "the message goes back", async || service.settled("requeued") >= 1.0).await;
    assert_eq!(world.step(job, 1).await, ("due".to_owned(), 0, None));
    world.admin.batch_execute("GRANT UPDATE (epoch) ON job_steps TO lethe_export").await.unwrap();
    world.wait_for_job(job, "completed").await;
    assert_eq!(runner.runs(), [(StepNo(1), 1)], "what never began is no attempt");
    service.stop().await;
}
