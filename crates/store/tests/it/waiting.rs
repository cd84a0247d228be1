//! Steps that wait for something else: no failure, no attempt and no event, for as long as it takes; and
//! an owner who does not want to.

use chrono::TimeDelta;
use domain::audit::Action;
use domain::id::{JobId, StepNo};
use domain::job::law::Conclusion;
use domain::job::step::Refused;
use domain::job::{SkipReason, StepKind};
use store::{Claim, Claimed, Produced, StepControlError, SweepConfig};
use testkit::{organisation, owner, worker};

use crate::grace::{ORGANISATION, now, state, steps};
use crate::support::{World, erasing, policy, reason};

/// An erasure that has nothing left to do but to look at its result, in step 2.
async fn verifying(world: &World) -> JobId {
    world.planned_erasure(ORGANISATION, vec![erasing(1, StepKind::VerifyErasure, None)]).await
}

async fn waits(world: &World, step: &Claimed) {
    let waiting = Conclusion::Waiting(reason("open_transactions"));
    world.conclude_erasure(step, waiting, Produced::default()).await;
}

async fn skip(world: &World, job: JobId, reason: SkipReason) -> Result<(), StepControlError> {
    world.api.skip_step(&organisation(ORGANISATION), (job, StepNo(2)), reason, &owner("owner-1")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_waits_leaves_its_job_as_it_is_and_nothing_in_the_log() {
    let world = World::new().await;
    let job = verifying(&world).await;
    let step = world.claim_erasure(job, 2).await;
    let (before, facts) = (now(&world).await, world.job_facts(job).await);
    waits(&world, &step).await;
    let pause = TimeDelta::seconds(5);
    let not_before = world.step(job, 2).await.not_before.unwrap();
    assert!((before + pause..=now(&world).await + pause).contains(&not_before), "{not_before}");
    assert!(matches!(world.ask_erasure(job, 2).await, Claim::Refused(Refused::NotDue)));
    for epoch in 2..=30 {
        world.make_due(job, 2).await;
        let step = world.claim_erasure(job, 2).await;
        assert_eq!((step.attempts, step.epoch, step.waived), (1, epoch, None));
        waits(&world, &step).await;
    }
    assert_eq!(world.job_facts(job).await, facts, "the same state and version");
    world.history(job).await;
    let view = world.api.job_view(&organisation(ORGANISATION), job).await.unwrap().unwrap();
    let shown = &view.steps[1];
    assert_eq!((shown.state.as_str(), shown.attempts, &shown.failure), ("due", 0, &None));
    assert_eq!(shown.waits_for.as_ref().unwrap().code, "open_transactions");
    assert_eq!((view.summary.state.as_str(), &view.waits_for), ("verifying", &shown.waits_for));
    assert!(shown.not_before.is_some());
    world.make_due(job, 2).await;
    let step = world.claim_erasure(job, 2).await;
    world.conclude_erasure(&step, Conclusion::Completed, Produced::default()).await;
    let view = world.api.job_view(&organisation(ORGANISATION), job).await.unwrap().unwrap();
    assert_eq!((view.summary.state.as_str(), view.waits_for), ("completed", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_waits_is_announced_when_its_pause_is_over_and_once() {
    let world = World::new().await;
    let job = verifying(&world).await;
    let step = world.claim_erasure(job, 2).await;
    waits(&world, &step).await;
    let sweep = async || {
        let origin = worker("retention-scheduler");
        world.scheduler.sweep(&SweepConfig::default(), &policy(), &origin).await.unwrap().announced
    };
    assert_eq!(sweep().await, 0, "its time has not come");
    let aged = "UPDATE job_steps SET announced_at = announced_at - interval '10 seconds' WHERE state = 'due'";
    world.admin.batch_execute(aged).await.unwrap();
    world.make_due(job, 2).await;
    assert_eq!((sweep().await, sweep().await), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_skips_the_wait_and_not_the_look() {
    let world = World::new().await;
    let job = verifying(&world).await;
    let early = skip(&world, job, SkipReason::RiskAccepted).await;
    assert!(matches!(early, Err(StepControlError::Refused(Refused::State))), "{early:?}");
    let step = world.claim_erasure(job, 2).await;
    let running = skip(&world, job, SkipReason::RiskAccepted).await;
    assert!(matches!(running, Err(StepControlError::Refused(Refused::Held))), "{running:?}");
    waits(&world, &step).await;
    let unfit = skip(&world, job, SkipReason::ProviderClosed).await;
    let Err(StepControlError::Reason(allowed)) = unfit else { panic!("{unfit:?}") };
    assert_eq!(allowed, [SkipReason::RiskAccepted, SkipReason::TransactionHarmless]);
    let announced = world.announced(job).await[&2];
    skip(&world, job, SkipReason::TransactionHarmless).await.unwrap();
    assert_eq!(steps(&world, job).await[1], "verify_erasure due");
    assert_eq!(world.announced(job).await[&2], announced + 1);
    assert_eq!(
        (state(&world, job).await.as_str(), world.history(job).await.last()),
        ("verifying", Some(&Action::StepSkipped))
    );
    let events = world.outbox().await;
    let told = events.iter().filter_map(|sent| sent.audit()).find_map(|event| event.body.reason);
    assert_eq!(told, Some(SkipReason::TransactionHarmless));
    let again = skip(&world, job, SkipReason::TransactionHarmless).await;
    assert!(matches!(again, Err(StepControlError::Refused(Refused::State))), "{again:?}");
    let step = world.claim_erasure(job, 2).await;
    assert_eq!((step.waived, step.attempts), (Some(SkipReason::TransactionHarmless), 1));
    world.conclude_erasure(&step, Conclusion::Completed, Produced::default()).await;
    let view = world.api.job_view(&organisation(ORGANISATION), job).await.unwrap().unwrap();
    assert_eq!(view.summary.state, "completed");
    let shown = &view.steps[1];
    assert_eq!(shown.waived_reason.as_deref(), Some("transaction_harmless"));
    assert_eq!(shown.skip_reason, None, "it was not done without");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_for_waiting_does_not_fit_tokens_and_no_other_step_is_skipped() {
    let world = World::new().await;
    let steps = vec![
        erasing(1, StepKind::RevokeTokens, Some("shop.tokens")),
        erasing(1, StepKind::EraseRows, Some("shop.orders")),
    ];
    let job = world.planned_erasure(ORGANISATION, steps).await;
    let tokens = skip(&world, job, SkipReason::TransactionHarmless).await;
    assert!(matches!(tokens, Err(StepControlError::Reason(allowed)) if allowed.len() == 4), "{tokens:?}");
    let rows = world.claim_erasure(job, 3).await;
    waits(&world, &rows).await;
    let (ours, by) = (organisation(ORGANISATION), owner("owner-1"));
    let rows = world.api.skip_step(&ours, (job, StepNo(3)), SkipReason::RiskAccepted, &by).await;
    assert!(matches!(rows, Err(StepControlError::Refused(Refused::State))), "{rows:?}");
    world.api.retry_step(&ours, (job, StepNo(3)), &by).await.unwrap();
    assert_eq!(world.claim_erasure(job, 3).await.attempts, 1, "it looks at once");
}
