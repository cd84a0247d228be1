//! Erasures: one at a time, steps that wait for others, what is kept for them and for how long.

use domain::erasure::{GracePeriod, SubjectRef};
use domain::id::{JobId, StepNo};
use domain::job::law::Conclusion;
use domain::job::step::Refused;
use domain::job::{SkipReason, StepKind};
use store::{Accepted, ControlError, CreateError, JobSecret, Produced, StepControlError, SweepConfig};
use testkit::{new_erasure, organisation, owner, worker};

use crate::grace::{ORGANISATION, now, release, scheduled, state, steps};
use crate::support::{World, erasing, planning, policy, reason};

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_is_called_off_until_a_worker_has_a_step_that_may_change_something() {
    let world = World::new().await;
    let planned = || {
        let rows = erasing(1, StepKind::EraseRows, Some("shop.customers"));
        planning(vec![rows, erasing(2, StepKind::VerifyErasure, None)])
    };
    let cancel = async |job| world.api.cancel_job(&organisation(ORGANISATION), job, &owner("owner-1")).await;

    // While it is planned: whoever plans it is fenced out.
    let job = scheduled(&world, 0).await;
    let plan = world.claim_erasure(job, 1).await;
    assert_eq!(state(&world, job).await, "running");
    cancel(job).await.unwrap();
    assert_eq!(
        (state(&world, job).await.as_str(), steps(&world, job).await),
        ("cancelled", vec!["plan_erasure cancelled".to_owned()])
    );
    let held = (job, plan.step_no, plan.epoch);
    assert!(!world.eraser.renew_step(held, std::time::Duration::from_secs(60), &[]).await.unwrap());
    let late = store::StepReport {
        job_id: job,
        step_no: plan.step_no,
        epoch: plan.epoch,
        conclusion: Conclusion::Completed,
        produced: planned(),
    };
    let late = world.eraser.conclude_step(&late, &policy(), &worker("erasure-worker")).await.unwrap();
    assert_eq!(late, store::Concluded::Fenced);

    // Planned, and nothing taken up.
    let job = scheduled(&world, 0).await;
    world.conclude_erasure(&world.claim_erasure(job, 1).await, Conclusion::Completed, planned()).await;
    cancel(job).await.unwrap();
    assert_eq!(state(&world, job).await, "cancelled");

    // A worker has had a step that erases, and gave it back.
    let job = scheduled(&world, 0).await;
    world.conclude_erasure(&world.claim_erasure(job, 1).await, Conclusion::Completed, planned()).await;
    let erasing = world.claim_erasure(job, 2).await;
    world.conclude_erasure(&erasing, Conclusion::Released, Produced::default()).await;
    let refused = cancel(job).await;
    assert!(matches!(refused, Err(ControlError::Illegal(_))), "{refused:?}");
    assert_eq!(state(&world, job).await, "running");
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

#[tokio::test(flavor = "multi_thread")]
async fn what_a_step_has_revoked_is_kept_for_its_next_attempt_and_goes_when_it_has_ended_well() {
    let world = World::new().await;
    let job = scheduled(&world, 0).await;
    let plan = world.claim_erasure(job, 1).await;
    let mut planned = planning(vec![
        erasing(1, StepKind::RevokeTokens, Some("shop.tokens")),
        erasing(1, StepKind::RevokeTokens, Some("shop.grants")),
        erasing(2, StepKind::VerifyErasure, None),
    ]);
    planned.plan.as_mut().unwrap().scopes = vec![(0, b"sealed".to_vec()), (1, b"sealed".to_vec())];
    world.conclude_erasure(&plan, Conclusion::Completed, planned).await;
    let kept = async |step| world.eraser.revoked(job, StepNo(step)).await.unwrap();
    for attempt in 1..=2_u8 {
        let revoking = world.claim_erasure(job, 2).await;
        for page in 1..=2_u8 {
            let held = (job, revoking.step_no, revoking.epoch);
            world.eraser.keep_revoked(held, page.into(), &[attempt, page]).await.unwrap();
        }
        if attempt == 1 {
            let down = Conclusion::PutOff(reason("provider_unavailable"), std::time::Duration::ZERO);
            world.conclude_erasure(&revoking, down, Default::default()).await;
            world.api.retry_step(&organisation(ORGANISATION), (job, StepNo(2)), &owner("o")).await.unwrap();
        } else {
            assert_eq!(kept(2).await, [[1, 1], [1, 2], [2, 1], [2, 2]]);
            world.conclude_erasure(&revoking, Conclusion::Completed, Default::default()).await;
        }
    }
    assert!(kept(2).await.is_empty());
    // Of a step that never ends well it goes with the scope.
    let other = world.claim_erasure(job, 3).await;
    world.eraser.keep_revoked((job, StepNo(3), other.epoch), 1, b"sealed").await.unwrap();
    assert_eq!(kept(3).await.len(), 1);
    world.admin.batch_execute("DELETE FROM step_scopes").await.unwrap();
    assert!(kept(3).await.is_empty());
    assert!(world.eraser.keep_revoked((job, StepNo(3), other.epoch), 2, b"sealed").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn persons_are_erased_side_by_side_and_each_by_one_job() {
    let world = World::new().await;
    let person = |tag: &str, days: i64| {
        let mut new = new_erasure(ORGANISATION);
        new.request.subject = Some(SubjectRef { identity_type: "email".to_owned(), tag: tag.to_owned() });
        new.request.grace_period_days = days.try_into().unwrap();
        new
    };
    let job = world.erasure(&person("aa", 7)).await;
    assert_eq!(
        steps(&world, job).await,
        ["plan_erasure waiting"],
        "a person is not marked as an organisation is"
    );
    world.erasure(&person("bb", 7)).await;
    scheduled(&world, 7).await;
    let again = world.api.create_erasure(&person("aa", 3)).await.unwrap_err();
    assert!(matches!(again, CreateError::EqualOpen(open) if open == job), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_erasure_is_not_tried_again_while_another_is_open() {
    let world = World::new().await;
    let job = failed(&world).await;
    let other = scheduled(&world, 7).await;
    let refused = world.api.retry_job(&organisation(ORGANISATION), job, &owner("owner-1")).await.unwrap_err();
    assert!(matches!(refused, ControlError::EqualOpen(open) if open == other), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_erasure_keeps_what_it_needs_for_thirty_days() {
    let world = World::new().await;
    let job = failed(&world).await;
    assert_eq!(world.count("SELECT count(*) FROM step_scopes").await, 1);
    assert_eq!((sweep_after(&world, job, 29).await, scopes_and_secrets(&world).await), (0, (1, 1)));
    assert_eq!((sweep_after(&world, job, 2).await, scopes_and_secrets(&world).await), (1, (0, 0)));
    assert_eq!(sweep_after(&world, job, 1).await, 0);
    let refused = world.api.retry_job(&organisation(ORGANISATION), job, &owner("owner-1")).await.unwrap_err();
    assert!(matches!(refused, ControlError::Swept), "{refused:?}");
}

/// An erasure that failed at its rows, with a scope and a secret.
async fn failed(world: &World) -> JobId {
    let mut new = new_erasure(ORGANISATION);
    new.request.grace_period_days = GracePeriod::NONE;
    new.soft_deletes = false;
    new.secret = Some(JobSecret { job_id: JobId(uuid::Uuid::now_v7()), sealed: b"sealed".to_vec() });
    let job = world.erasure(&new).await;
    let plan = world.claim_erasure(job, 1).await;
    let mut planned = planning(vec![erasing(3, StepKind::EraseRows, Some("shop.customers"))]);
    planned.plan.as_mut().unwrap().scopes = vec![(0, b"sealed".to_vec())];
    world.conclude_erasure(&plan, Conclusion::Completed, planned).await;
    let rows = world.claim_erasure(job, 2).await;
    world.conclude_erasure(&rows, Conclusion::Permanent(reason("broken")), Produced::default()).await;
    assert_eq!(state(world, job).await, "failed");
    job
}

async fn scopes_and_secrets(world: &World) -> (i64, i64) {
    let count = async |table: &str| world.count(&format!("SELECT count(*) FROM {table}")).await;
    (count("step_scopes").await, count("job_secrets").await)
}

/// What a sweep removes after so many more days.
async fn sweep_after(world: &World, job: JobId, days: i64) -> usize {
    let aged = format!(
        "BEGIN; SET LOCAL session_replication_role = replica; \
         UPDATE privacy_jobs SET ended_at = ended_at - interval '{days} days' WHERE id = '{job}'; COMMIT"
    );
    world.admin.batch_execute(&aged).await.unwrap();
    let origin = worker("retention-scheduler");
    world.scheduler.sweep(&SweepConfig::default(), &policy(), &origin).await.unwrap().removed
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_step_that_ends_last_opens_what_still_waits() {
    let world = World::new().await;
    let job = scheduled(&world, 1).await;
    world.db.end_grace(job, now(&world).await).await;
    release(&world, now(&world).await).await;
    let plan = world.claim_erasure(job, 2).await;
    let planned = planning(vec![
        erasing(3, StepKind::EraseRows, Some("shop.customers")),
        erasing(4, StepKind::VerifyErasure, None),
    ]);
    world.conclude_erasure(&plan, Conclusion::Completed, planned).await;
    let marking = world.claim_erasure(job, 1).await;
    world.conclude_erasure(&marking, Conclusion::Completed, Produced::default()).await;
    assert_eq!(steps(&world, job).await[2..], ["erase_rows due", "verify_erasure waiting"]);
    // As after a retry that had to begin with the mark again: the rows are done, and verification is not.
    let rows = world.claim_erasure(job, 3).await;
    world.conclude_erasure(&rows, Conclusion::Completed, Produced::default()).await;
    let back = format!(
        "BEGIN; SET LOCAL session_replication_role = replica; \
         UPDATE job_steps SET state = 'due', ended_at = NULL, not_before = now() WHERE job_id = '{job}' AND step_no = 1; \
         UPDATE job_steps SET state = 'waiting', not_before = NULL WHERE job_id = '{job}' AND step_no = 4; \
         UPDATE privacy_jobs SET state = 'running' WHERE id = '{job}'; COMMIT"
    );
    world.admin.batch_execute(&back).await.unwrap();
    let marking = world.claim_erasure(job, 1).await;
    world.conclude_erasure(&marking, Conclusion::Completed, Produced::default()).await;
    assert_eq!(steps(&world, job).await[2..], ["erase_rows completed", "verify_erasure due"]);
    assert_eq!(state(&world, job).await, "verifying");
}
