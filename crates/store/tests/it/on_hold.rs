//! Erasures that a legal hold stops half-way: on hold, and on again when one is released.

use domain::audit::Action;
use domain::id::JobId;
use domain::job::law::Conclusion;
use domain::job::step::Refused;
use domain::job::{PublicStatus, StepKind};
use store::{Claim, Claimed, ControlError, CreateError, Produced, SweepConfig};
use testkit::{new_erasure, organisation, owner, worker};

use crate::grace::{ORGANISATION, state, steps};
use crate::holding::{place, release, waiting};
use crate::support::{World, erasing, policy, reason};

/// An erasure with two steps side by side, 2 and 3, and one that verifies.
async fn erasure(world: &World) -> JobId {
    let steps = vec![
        erasing(1, StepKind::EraseRows, Some("shop.orders")),
        erasing(1, StepKind::EraseRows, Some("shop.customers")),
        erasing(2, StepKind::VerifyErasure, None),
    ];
    world.planned_erasure(ORGANISATION, steps).await
}

async fn held(world: &World, step: &Claimed) {
    let conclusion = Conclusion::OnHold(reason("legal_hold"));
    world.conclude_erasure(step, conclusion, Produced::default()).await;
}

async fn complete(world: &World, step: &Claimed) {
    world.conclude_erasure(step, Conclusion::Completed, Produced::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_a_hold_stops_goes_on_when_any_hold_is_released() {
    let world = World::new().await;
    let (hold, other) = (place(&world, ORGANISATION).await, place(&world, ORGANISATION).await);
    let job = erasure(&world).await;
    let (first, second) = (world.claim_erasure(job, 2).await, world.claim_erasure(job, 3).await);
    held(&world, &first).await;
    assert_eq!(
        (state(&world, job).await.as_str(), world.history(job).await.last()),
        ("on_hold", Some(&Action::JobOnHold))
    );
    assert!(matches!(world.ask_erasure(job, 2).await, Claim::Refused(Refused::State)));
    let view = world.api.job_view(&organisation(ORGANISATION), job).await.unwrap().unwrap();
    assert_eq!(
        (view.summary.state.as_str(), view.summary.status),
        ("on_hold", PublicStatus::InProgress.into())
    );
    assert_eq!(view.waits_for.unwrap().code, "legal_hold");

    let result = Some(serde_json::json!({"rows": 7}));
    let produced = Produced { result: result.clone(), ..Produced::default() };
    world.conclude_erasure(&second, Conclusion::Completed, produced).await;
    assert_eq!(world.step(job, 3).await.result, result, "what a running step did is not lost");
    assert_eq!(
        (state(&world, job).await.as_str(), world.history(job).await.last()),
        ("on_hold", Some(&Action::StepCompleted))
    );

    let announced = world.announced(job).await[&2];
    release(&world, other).await;
    assert_eq!(
        (state(&world, job).await.as_str(), world.history(job).await.last()),
        ("pending", Some(&Action::JobResumed))
    );
    assert_eq!(world.announced(job).await[&2], announced + 1);
    let told = world
        .outbox()
        .await
        .iter()
        .filter_map(|sent| sent.audit())
        .find_map(|event| (event.body.action == Action::JobResumed).then_some(event.body.hold_id));
    assert_eq!(told, Some(Some(other)));
    let first = world.claim_erasure(job, 2).await;
    assert_eq!((first.attempts, first.epoch), (1, 2));
    held(&world, &first).await;
    assert_eq!(state(&world, job).await, "on_hold", "the hold that stands in the way is still in effect");
    release(&world, hold).await;
    complete(&world, &world.claim_erasure(job, 2).await).await;
    assert_eq!(state(&world, job).await, "verifying");
    complete(&world, &world.claim_erasure(job, 4).await).await;
    assert_eq!(state(&world, job).await, "completed");
    world.history(job).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_hold_half_way_is_open_and_neither_called_off_nor_announced() {
    let world = World::new().await;
    let job = erasure(&world).await;
    held(&world, &world.claim_erasure(job, 2).await).await;
    let refused = world.api.cancel_job(&organisation(ORGANISATION), job, &owner("owner-1")).await;
    let Err(ControlError::Illegal(illegal)) = refused else { panic!("{refused:?}") };
    assert_eq!(illegal.to_string(), "a job that is on_hold after it has begun cannot be cancelled");
    match world.api.create_erasure(&new_erasure(ORGANISATION)).await {
        Err(CreateError::EqualOpen(open)) => assert_eq!(open, job),
        answer => panic!("{answer:?}"),
    }
    let aged = "UPDATE job_steps SET announced_at = announced_at - interval '1 hour' WHERE state = 'due'";
    world.admin.batch_execute(aged).await.unwrap();
    let origin = worker("retention-scheduler");
    let swept = world.scheduler.sweep(&SweepConfig::default(), &policy(), &origin).await.unwrap();
    assert_eq!(swept.announced, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_on_hold_before_it_was_planned_can_be_called_off() {
    let world = World::new().await;
    let job = crate::grace::scheduled(&world, 0).await;
    held(&world, &world.claim_erasure(job, 1).await).await;
    assert_eq!(state(&world, job).await, "on_hold");
    world.api.cancel_job(&organisation(ORGANISATION), job, &owner("owner-1")).await.unwrap();
    assert_eq!(steps(&world, job).await, ["plan_erasure cancelled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_for_good_while_its_job_is_on_hold_ends_the_job() {
    let world = World::new().await;
    let hold = place(&world, ORGANISATION).await;
    let job = erasure(&world).await;
    let (first, second) = (world.claim_erasure(job, 2).await, world.claim_erasure(job, 3).await);
    held(&world, &first).await;
    let failed = Conclusion::Permanent(reason("store_schema"));
    world.conclude_erasure(&second, failed, Produced::default()).await;
    assert_eq!(state(&world, job).await, "failed");
    let ended =
        ["plan_erasure completed", "erase_rows cancelled", "erase_rows failed", "verify_erasure cancelled"];
    assert_eq!(steps(&world, job).await, ended);
    release(&world, hold).await;
    assert_eq!(state(&world, job).await, "failed", "there is nothing to go on with");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_release_of_another_organisations_hold_changes_nothing() {
    let world = World::new().await;
    let theirs = place(&world, "other").await;
    let job = erasure(&world).await;
    held(&world, &world.claim_erasure(job, 2).await).await;
    world.api.release_hold(&organisation("other"), theirs, &owner("officer-2")).await.unwrap();
    assert_eq!(state(&world, job).await, "on_hold");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_was_released_while_the_step_ran_puts_nothing_on_hold() {
    let world = World::new().await;
    let hold = place(&world, ORGANISATION).await;
    let job = erasure(&world).await;
    let first = world.claim_erasure(job, 2).await;
    release(&world, hold).await;
    held(&world, &first).await;
    assert_eq!(state(&world, job).await, "running");
    assert_eq!(world.claim_erasure(job, 2).await.attempts, 1, "it looks again at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_step_is_not_begun_while_a_hold_is_being_released() {
    let world = World::new().await;
    let hold = place(&world, ORGANISATION).await;
    let job = erasure(&world).await;
    let export = world.job(ORGANISATION).await;
    let stopped = world.db.client().await;
    let lock = format!("BEGIN; SELECT FROM legal_holds WHERE id = '{hold}' FOR UPDATE");
    stopped.batch_execute(&lock).await.unwrap();
    let later = async {
        waiting(&world, 1).await;
        world.claim(export, 1).await;
        let go = async {
            waiting(&world, 2).await;
            stopped.batch_execute("ROLLBACK").await.unwrap();
        };
        tokio::join!(world.claim_erasure(job, 2), go).0
    };
    let (_, claimed) = tokio::join!(release(&world, hold), later);
    held(&world, &claimed).await;
    assert_eq!(state(&world, job).await, "on_hold", "that release was over when the step began");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_job_is_not_put_on_hold_behind_a_release_that_is_under_way() {
    let world = World::new().await;
    let hold = place(&world, ORGANISATION).await;
    let job = erasure(&world).await;
    let first = world.claim_erasure(job, 2).await;
    let stopped = world.db.client().await;
    let lock = format!("BEGIN; SELECT FROM legal_holds WHERE id = '{hold}' FOR UPDATE");
    stopped.batch_execute(&lock).await.unwrap();
    let later = async {
        // The release has begun, and can find no job on hold yet.
        waiting(&world, 1).await;
        let go = async {
            waiting(&world, 2).await;
            stopped.batch_execute("ROLLBACK").await.unwrap();
        };
        tokio::join!(held(&world, &first), go)
    };
    tokio::join!(release(&world, hold), later);
    assert_eq!(state(&world, job).await, "running");
    assert_eq!(world.claim_erasure(job, 2).await.attempts, 1);
}
