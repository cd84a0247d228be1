//! What an owner does to a job: call it off, try it again, take its package.

use domain::audit::Action;
use domain::job::law::Conclusion;
use store::{ControlError, Produced};
use testkit::{organisation, owner};

use super::support::{World, assembly, collection, collections, whole};

async fn cancel(world: &World, job: domain::id::JobId) -> Result<(), ControlError> {
    world.api.cancel_job(&organisation("acme"), job, &owner("owner-1")).await
}

async fn retry(world: &World, job: domain::id::JobId) -> Result<(), ControlError> {
    world.api.retry_job(&organisation("acme"), job, &owner("owner-1")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_can_be_called_off_until_it_has_ended() {
    let world = World::new().await;
    let pending = world.job("acme").await;
    cancel(&world, pending).await.unwrap();
    assert_eq!(world.states(pending).await, ["cancelled"]);
    assert_eq!(world.history(pending).await, [Action::JobCreated, Action::JobCancelled]);
    let again = cancel(&world, pending).await.unwrap_err();
    assert_eq!(again.to_string(), "a job that is cancelled cannot be cancelled");

    let mut steps = collections(1, 2);
    steps.push(assembly(2));
    let running = world.planned("acme", steps).await;
    world.complete(running, 2).await;
    cancel(&world, running).await.unwrap();
    assert_eq!(world.states(running).await, ["completed", "completed", "cancelled", "cancelled"]);
    assert!(world.job_facts(running).await.ended_at.is_some());

    let completed = world.completed("acme").await;
    assert!(matches!(cancel(&world, completed).await, Err(ControlError::Illegal(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_called_it_off_is_in_the_audit_event() {
    let world = World::new().await;
    let job = world.job("acme").await;
    let origin = owner("owner-2");
    world.api.cancel_job(&organisation("acme"), job, &origin).await.unwrap();
    let event = world.outbox().await.pop().and_then(|sent| sent.audit()).unwrap();
    assert_eq!((event.body.action, event.body.actor.as_str()), (Action::JobCancelled, "owner-2"));
    assert_eq!(event.body.trace_id, origin.trace_id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_reopens_what_is_unfinished_and_keeps_what_is_done() {
    let world = World::new().await;
    let mut steps = collections(1, 3);
    steps.push(assembly(2));
    let job = world.planned("acme", steps).await;
    let first = world.claim(job, 2).await;
    let result = Some(serde_json::json!({"part": 1}));
    let produced = Produced { result: result.clone(), ..Produced::default() };
    world.conclude(&first, Conclusion::Completed, produced).await;
    let zombie = world.claim(job, 3).await;
    world.fail(job, 4).await;
    assert_eq!(world.states(job).await, ["completed", "completed", "cancelled", "failed", "cancelled"]);

    retry(&world, job).await.unwrap();
    let facts = world.job_facts(job).await;
    assert_eq!((facts.state.as_str(), facts.failure_code, facts.ended_at), ("pending", None, None));
    assert_eq!(world.states(job).await, ["completed", "completed", "due", "due", "waiting"]);
    assert_eq!(world.step(job, 2).await.result, result);
    assert_eq!(world.announced(job).await, [(1, 1), (2, 1), (3, 2), (4, 2)].into());
    let reopened = world.step(job, 4).await;
    assert_eq!((reopened.attempts, reopened.failure_code), (0, None), "it has all its attempts again");

    let fenced = world.conclude(&zombie, Conclusion::Completed, Produced::default()).await;
    assert_eq!(fenced, store::Concluded::Fenced, "whoever ran it before the failure holds it no more");
    assert_eq!(world.claim(job, 3).await.epoch, 2);
    let third = world.step(job, 3).await;
    assert_eq!(third.epoch, 2);
    world.lapse(job, 3).await;
    world.complete(job, 4).await;
    assert!(matches!(retry(&world, job).await, Err(ControlError::Illegal(_))), "it has not failed now");
    world.history(job).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_job_runs_to_its_end() {
    let world = World::new().await;
    let mut steps = collections(1, 2);
    steps.push(assembly(2));
    let job = world.planned("acme", steps).await;
    world.complete(job, 2).await;
    world.fail(job, 3).await;
    retry(&world, job).await.unwrap();
    world.complete(job, 3).await;
    world.fail(job, 4).await;
    retry(&world, job).await.unwrap();
    assert_eq!(world.states(job).await, ["completed", "completed", "completed", "due"]);
    world.complete(job, 4).await;
    assert_eq!(world.job_facts(job).await.state, "completed");
    let history = world.history(job).await;
    assert_eq!(history.iter().filter(|action| **action == Action::JobRetried).count(), 2);
    assert_eq!(history.iter().filter(|action| **action == Action::JobCompleted).count(), 1);
}

/// After a retry an early step can end last.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_ends_last_opens_what_waits_and_nothing_that_is_done() {
    let world = World::new().await;
    let steps = vec![collection(1, "shop.first"), collection(2, "shop.second"), assembly(3)];
    let job = world.planned("acme", steps).await;
    // As a replica, triggers are asleep; for this transaction only.
    let done = "BEGIN; SET LOCAL session_replication_role = replica; \
                UPDATE job_steps SET state = 'completed', ended_at = now() WHERE step_no = 3; COMMIT";
    world.admin.batch_execute(done).await.unwrap();
    world.complete(job, 2).await;
    assert_eq!(world.states(job).await, ["completed", "completed", "completed", "due"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_planning_failed_is_planned_again() {
    let world = World::new().await;
    let job = world.job("acme").await;
    world.fail(job, 1).await;
    retry(&world, job).await.unwrap();
    assert_eq!(world.states(job).await, ["due"]);
    let claimed = world.claim(job, 1).await;
    let plan = super::support::planning(vec![whole(1)]);
    world.conclude(&claimed, Conclusion::Completed, plan).await;
    world.complete(job, 2).await;
    assert_eq!(world.job_facts(job).await.state, "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_not_retried_beside_an_equal_open_one() {
    let world = World::new().await;
    let failed = world.job("acme").await;
    world.fail(failed, 1).await;
    let open = world.job("acme").await;
    let refused = retry(&world, failed).await;
    assert!(matches!(refused, Err(ControlError::EqualOpen(job)) if job == open), "{refused:?}");
    assert_eq!(world.job_facts(failed).await.state, "failed");
    assert_eq!(world.history(failed).await.last(), Some(&Action::JobFailed), "nothing of it was written");
    cancel(&world, open).await.unwrap();
    retry(&world, failed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn accesses_are_audited_without_a_version() {
    let world = World::new().await;
    let job = world.completed("acme").await;
    let before = world.job_facts(job).await.version;
    let (acme, origin) = (organisation("acme"), owner("owner-1"));
    for action in [Action::LinkIssued, Action::PackageDownloaded, Action::PackageDownloaded] {
        world.api.record_access((&acme, job), action, &origin).await.unwrap();
    }
    assert_eq!(world.job_facts(job).await.version, before);
    let events: Vec<_> = world.outbox().await.into_iter().filter_map(|sent| sent.audit()).collect();
    let accesses: Vec<_> = events.iter().filter(|event| event.body.job_version.is_none()).collect();
    assert_eq!(accesses.len(), 3, "each is an event of its own");
    assert!(accesses.iter().all(|event| event.body.job_id == Some(job) && event.body.actor == "owner-1"));
}
