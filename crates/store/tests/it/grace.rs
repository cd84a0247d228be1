//! Grace periods: the mark on the organisation meanwhile, and their end by two clocks.

use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::Action;
use domain::id::JobId;
use domain::job::StepKind;
use domain::job::law::Conclusion;
use domain::job::step::Refused;
use store::Claim;
use testkit::{new_erasure, organisation, owner, worker};

use crate::support::{World, erasing};

pub const ORGANISATION: &str = "acme";

/// The steps of a job as `kind state`, in order.
pub async fn steps(world: &World, job: JobId) -> Vec<String> {
    let sql = "SELECT kind || ' ' || state FROM job_steps WHERE job_id = $1 ORDER BY step_no";
    world.admin.query(sql, &[&job.0]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

pub async fn state(world: &World, job: JobId) -> String {
    world.job_facts(job).await.state
}

pub async fn scheduled(world: &World, days: i64) -> JobId {
    let mut new = new_erasure(ORGANISATION);
    new.request.grace_period_days = days.try_into().unwrap();
    // Without a grace period most tests are about what follows the mark.
    new.soft_deletes = days > 0;
    world.erasure(&new).await
}

/// An erasure that marks its organisation and waits for nothing.
async fn marking(world: &World) -> JobId {
    let mut new = new_erasure(ORGANISATION);
    new.request.grace_period_days = 0.try_into().unwrap();
    world.erasure(&new).await
}

pub async fn release(world: &World, witness: DateTime<Utc>) -> usize {
    world.scheduler.release_scheduled(witness, &worker("retention-scheduler")).await.unwrap()
}

pub async fn now(world: &World) -> DateTime<Utc> {
    world.admin.query_one("SELECT clock_timestamp()", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_waits_for_its_grace_period_and_marks_the_organisation_at_once() {
    let world = World::new().await;
    let job = scheduled(&world, 7).await;
    assert_eq!(state(&world, job).await, "scheduled");
    assert_eq!(steps(&world, job).await, ["soft_delete due", "plan_erasure waiting"]);
    let view = world.api.job_view(&organisation(ORGANISATION), job).await.unwrap().unwrap();
    let waits = view.summary.not_before.unwrap() - view.summary.created_at;
    assert!((waits - TimeDelta::days(7)).abs() < TimeDelta::minutes(1), "{waits}");
    assert!(matches!(world.ask_erasure(job, 2).await, Claim::Refused(Refused::State)));
    let marking = world.claim_erasure(job, 1).await;
    assert_eq!(marking.kind, StepKind::SoftDelete);
    world.conclude_erasure(&marking, Conclusion::Completed, Default::default()).await;
    assert_eq!(state(&world, job).await, "scheduled");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_grace_it_begins_at_once_with_the_mark_before_the_plan() {
    let world = World::new().await;
    let job = marking(&world).await;
    assert_eq!(state(&world, job).await, "pending");
    assert_eq!(steps(&world, job).await, ["soft_delete due", "plan_erasure waiting"]);
    assert!(matches!(world.ask_erasure(job, 2).await, Claim::Refused(Refused::State)));
    let marking = world.claim_erasure(job, 1).await;
    world.conclude_erasure(&marking, Conclusion::Completed, Default::default()).await;
    assert_eq!(steps(&world, job).await, ["soft_delete completed", "plan_erasure due"]);
    let planning = world.claim_erasure(job, 2).await;
    let plan = vec![erasing(1, StepKind::VerifyErasure, None)];
    world.conclude_erasure(&planning, Conclusion::Completed, crate::support::planning(plan)).await;
    assert_eq!(steps(&world, job).await.last().unwrap(), "verify_erasure due");
    let verifying = world.claim_erasure(job, 3).await;
    assert_eq!(verifying.pass, 1);
    world.conclude_erasure(&verifying, Conclusion::Completed, Default::default()).await;
    assert_eq!(state(&world, job).await, "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_marks_nothing_is_planned_at_once() {
    let world = World::new().await;
    let mut dry = new_erasure(ORGANISATION);
    dry.request.dry_run = true;
    let mut unmarked = new_erasure(ORGANISATION);
    unmarked.request.grace_period_days = 0.try_into().unwrap();
    unmarked.soft_deletes = false;
    for new in [dry, unmarked] {
        assert_eq!(steps(&world, world.erasure(&new).await).await, ["plan_erasure due"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn called_off_before_it_begins_it_takes_the_mark_away_also_without_grace() {
    let world = World::new().await;
    let job = marking(&world).await;
    world.api.cancel_job(&organisation(ORGANISATION), job, &owner("owner-1")).await.unwrap();
    assert_eq!(steps(&world, job).await, ["soft_delete cancelled", "plan_erasure cancelled", "restore due"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grace_period_ends_by_two_clocks_and_once() {
    let world = World::new().await;
    let job = scheduled(&world, 1).await;
    let day = TimeDelta::days(1);
    assert_eq!(release(&world, now(&world).await + day * 40).await, 0, "our clock alone runs ahead");
    world.db.end_grace(job, now(&world).await - TimeDelta::seconds(1)).await;
    assert_eq!(release(&world, now(&world).await - day).await, 0, "the database's clock alone runs ahead");
    assert_eq!(state(&world, job).await, "scheduled");
    let both = now(&world).await;
    let (one, other) = tokio::join!(release(&world, both), release(&world, both));
    assert_eq!(one + other, 1, "two schedulers at the same time");
    assert_eq!(release(&world, both).await, 0);
    assert_eq!(state(&world, job).await, "pending");
    assert_eq!(steps(&world, job).await, ["soft_delete due", "plan_erasure due"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_that_was_down_lets_it_begin_late() {
    let world = World::new().await;
    let job = scheduled(&world, 30).await;
    world.db.end_grace(job, now(&world).await - TimeDelta::days(100)).await;
    assert_eq!(release(&world, now(&world).await).await, 1);
    assert_eq!(state(&world, job).await, "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn called_off_in_time_it_never_begins_and_the_organisation_is_restored() {
    let world = World::new().await;
    let job = scheduled(&world, 1).await;
    world.db.end_grace(job, now(&world).await + TimeDelta::seconds(1)).await;
    world.api.cancel_job(&organisation(ORGANISATION), job, &owner("owner-1")).await.unwrap();
    assert_eq!(release(&world, now(&world).await + TimeDelta::days(1)).await, 0);
    assert_eq!(steps(&world, job).await, ["soft_delete cancelled", "plan_erasure cancelled", "restore due"]);
    let restoring = world.claim_erasure(job, 3).await;
    assert_eq!(restoring.kind, StepKind::Restore);
    world.conclude_erasure(&restoring, Conclusion::Completed, Default::default()).await;
    assert_eq!(state(&world, job).await, "cancelled");
    assert!(matches!(world.ask_erasure(job, 2).await, Claim::Refused(Refused::State)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cancellation_and_the_end_of_grace_at_the_same_time_have_one_winner() {
    let world = World::new().await;
    for number in 0..10 {
        let of = format!("org-{number}");
        let job = world.erasure(&new_erasure(&of)).await;
        let end = now(&world).await;
        world.db.end_grace(job, end).await;
        let (whose, by) = (organisation(&of), owner("owner-1"));
        let cancel = world.api.cancel_job(&whose, job, &by);
        let (released, cancelled) = tokio::join!(release(&world, end), cancel);
        // One that was released and has not begun can still be called off, so both may succeed.
        cancelled.unwrap();
        assert_eq!(state(&world, job).await, "cancelled", "released: {released}");
        assert_eq!(
            steps(&world, job).await,
            ["soft_delete cancelled", "plan_erasure cancelled", "restore due"]
        );
        world.history(job).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_schedulers_let_many_jobs_begin_each_once() {
    let world = World::new().await;
    let mut jobs = Vec::new();
    for number in 0..12 {
        let job = world.erasure(&new_erasure(&format!("org-{number}"))).await;
        world.db.end_grace(job, now(&world).await).await;
        jobs.push(job);
    }
    let witness = now(&world).await;
    let (a, b, c) =
        tokio::join!(release(&world, witness), release(&world, witness), release(&world, witness));
    assert_eq!(a + b + c + release(&world, witness).await, 12);
    for job in jobs {
        let history = world.history(job).await;
        assert_eq!(history, [Action::JobCreated, Action::JobReleased]);
        assert_eq!(world.announced(job).await, [(1, 1), (2, 1)].into());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_cannot_be_read_keeps_no_other_from_beginning() {
    let world = World::new().await;
    let (first, second) = (scheduled(&world, 1).await, world.erasure(&new_erasure("other")).await);
    for (job, days) in [(first, 2), (second, 1)] {
        world.db.end_grace(job, now(&world).await - TimeDelta::days(days)).await;
    }
    let broken = format!(
        "BEGIN; SET LOCAL session_replication_role = replica; \
         UPDATE privacy_jobs SET organisation_id = '' WHERE id = '{first}'; COMMIT"
    );
    world.admin.batch_execute(&broken).await.unwrap();
    assert_eq!(release(&world, now(&world).await).await, 1);
    assert_eq!(
        (state(&world, first).await, state(&world, second).await),
        ("scheduled".into(), "pending".into())
    );
}
