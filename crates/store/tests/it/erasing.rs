//! Erasures: their grace period, the mark on the organisation meanwhile, steps that wait for others.

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{JobId, StepNo};
use domain::job::law::Conclusion;
use domain::job::step::Refused;
use domain::job::{SkipReason, StepKind};
use store::{Accepted, Claim, ControlError, CreateError, StepControlError};
use testkit::{new_erasure, organisation, owner, worker};

use crate::support::{World, erasing, planning, reason};

const ORGANISATION: &str = "acme";

/// The steps of a job as `kind state`, in order.
async fn steps(world: &World, job: JobId) -> Vec<String> {
    let sql = "SELECT kind || ' ' || state FROM job_steps WHERE job_id = $1 ORDER BY step_no";
    world.admin.query(sql, &[&job.0]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn state(world: &World, job: JobId) -> String {
    world.job_facts(job).await.state
}

async fn scheduled(world: &World, days: i64) -> JobId {
    let mut new = new_erasure(ORGANISATION);
    new.request.grace_period_days = days.try_into().unwrap();
    match world.api.create_erasure(&new).await.unwrap() {
        Accepted::Created(job) => job,
        Accepted::Replayed(job) => panic!("{job} is not new"),
    }
}

async fn release(world: &World, witness: DateTime<Utc>) -> usize {
    world.scheduler.release_scheduled(witness, &worker("retention-scheduler")).await.unwrap()
}

async fn now(world: &World) -> DateTime<Utc> {
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
async fn without_grace_it_begins_at_once_and_marks_nothing() {
    let world = World::new().await;
    let job = scheduled(&world, 0).await;
    assert_eq!(state(&world, job).await, "pending");
    assert_eq!(steps(&world, job).await, ["plan_erasure due"]);
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

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_has_begun_is_not_called_off() {
    let world = World::new().await;
    let job = scheduled(&world, 0).await;
    world.claim_erasure(job, 1).await;
    let refused = world.api.cancel_job(&organisation(ORGANISATION), job, &owner("owner-1")).await;
    assert!(matches!(refused, Err(ControlError::Illegal(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_erasure_of_an_organisation_is_open_at_a_time_beside_any_dry_run() {
    let world = World::new().await;
    let job = scheduled(&world, 7).await;
    let mut other = new_erasure(ORGANISATION);
    other.request.delete_media = true;
    match world.api.create_erasure(&other).await {
        Err(CreateError::EqualOpen(open)) => assert_eq!(open, job),
        answer => panic!("{answer:?}"),
    }
    let mut dry = new_erasure(ORGANISATION);
    dry.request.dry_run = true;
    assert!(matches!(world.api.create_erasure(&dry).await.unwrap(), Accepted::Created(_)));
    assert!(matches!(world.api.create_erasure(&new_erasure("other")).await.unwrap(), Accepted::Created(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_waits_for_a_provider_is_hurried_or_skipped_by_its_owner() {
    let world = World::new().await;
    let job = scheduled(&world, 0).await;
    let plan = world.claim_erasure(job, 1).await;
    let planned = planning(vec![
        erasing(1, StepKind::RevokeTokens, Some("shop.tokens")),
        erasing(2, StepKind::VerifyErasure, None),
    ]);
    world.conclude_erasure(&plan, Conclusion::Completed, planned).await;
    let (ours, by) = (organisation(ORGANISATION), owner("owner-1"));
    for _ in 0..20 {
        let revoking = world.claim_erasure(job, 2).await;
        world
            .conclude_erasure(
                &revoking,
                Conclusion::Retryable(reason("provider_unavailable")),
                Default::default(),
            )
            .await;
        assert_eq!(state(&world, job).await, "retrying");
        world.api.retry_step(&ours, (job, StepNo(2)), &by).await.unwrap();
    }
    let view = world.api.job_view(&ours, job).await.unwrap().unwrap();
    assert_eq!(view.steps[1].failure.as_ref().unwrap().code, "provider_unavailable");
    let elsewhere =
        world.api.skip_step(&organisation("other"), (job, StepNo(2)), SkipReason::ProviderClosed, &by).await;
    assert!(matches!(elsewhere, Err(StepControlError::NotFound)));
    let wrong = world.api.skip_step(&ours, (job, StepNo(3)), SkipReason::ProviderClosed, &by).await;
    assert!(matches!(wrong, Err(StepControlError::Refused(Refused::State))));
    world.api.skip_step(&ours, (job, StepNo(2)), SkipReason::ProviderClosed, &by).await.unwrap();
    assert_eq!(
        steps(&world, job).await,
        ["plan_erasure completed", "revoke_tokens completed", "verify_erasure due"]
    );
    let view = world.api.job_view(&ours, job).await.unwrap().unwrap();
    assert_eq!(view.steps[1].skip_reason.as_deref(), Some("provider_closed"));
    assert_eq!(view.summary.state, "verifying");
    let sql = "SELECT body FROM outbox WHERE job_id = $1 AND kind = 'audit.event'";
    let bodies = world.admin.query(sql, &[&job.0]).await.unwrap();
    let told = bodies.iter().any(|row| {
        let event = contracts::decode::<contracts::AuditEvent>(row.get(0)).unwrap().body;
        event.reason == Some(SkipReason::ProviderClosed)
    });
    assert!(told, "the reason is in the audit log");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_step_may_touch_comes_sealed_and_goes_with_the_job() {
    let world = World::new().await;
    let job = scheduled(&world, 0).await;
    let plan = world.claim_erasure(job, 1).await;
    let mut planned = planning(vec![
        erasing(3, StepKind::EraseRows, Some("shop.customers")),
        erasing(4, StepKind::VerifyErasure, None),
    ]);
    planned.plan.as_mut().unwrap().scopes = vec![(0, b"sealed".to_vec())];
    world.conclude_erasure(&plan, Conclusion::Completed, planned).await;
    let rows = world.claim_erasure(job, 2).await;
    assert_eq!(rows.scope.as_deref(), Some(&b"sealed"[..]));
    world.conclude_erasure(&rows, Conclusion::Completed, Default::default()).await;
    let verifying = world.claim_erasure(job, 3).await;
    assert_eq!(verifying.scope, None);
    world.conclude_erasure(&verifying, Conclusion::Completed, Default::default()).await;
    assert_eq!(state(&world, job).await, "completed");
    let left: i64 = world.admin.query_one("SELECT count(*) FROM step_scopes", &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
}
