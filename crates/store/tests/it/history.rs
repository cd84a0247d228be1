//! What has happened to a job stays told, whatever is done to it afterwards.

use domain::audit::Action;
use domain::id::JobId;
use domain::job::StepKind;
use domain::job::law::Conclusion;
use store::ControlError;
use testkit::{organisation, owner};

use crate::grace::{ORGANISATION, scheduled, state};
use crate::support::{World, erasing, reason};

/// The whole log, to the byte.
async fn log(world: &World) -> Vec<String> {
    world.deliver_audit().await;
    let sql = "SELECT l::text FROM audit_logs l ORDER BY seq";
    world.admin.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn fail(world: &World, job: JobId, step: i32) {
    let claimed = world.claim_erasure(job, step).await;
    let conclusion = Conclusion::Permanent(reason("rows_left"));
    world.conclude_erasure(&claimed, conclusion, Default::default()).await;
}

async fn retry(world: &World, job: JobId) -> Result<(), ControlError> {
    world.api.retry_job(&organisation(ORGANISATION), job, &owner("owner-1")).await
}

/// Elsewhere a request that is sent again takes its log with it, and one that was called off is run (W8).
#[tokio::test(flavor = "multi_thread")]
async fn another_try_adds_to_the_log_and_takes_nothing_from_it() {
    let world = World::new().await;
    let steps = vec![
        erasing(1, StepKind::EraseRows, Some("shop.customers")),
        erasing(2, StepKind::VerifyErasure, None),
    ];
    let job = world.planned_erasure(ORGANISATION, steps).await;
    let erased = world.claim_erasure(job, 2).await;
    world.conclude_erasure(&erased, Conclusion::Completed, Default::default()).await;
    fail(&world, job, 3).await;
    let failed = log(&world).await;
    for (more, tries) in [(1, 1), (3, 2)] {
        retry(&world, job).await.unwrap();
        let retried = log(&world).await;
        assert_eq!(retried[..failed.len()], failed, "everything is told as before");
        assert!(retried.len() >= failed.len() + more, "{tries}. try");
        fail(&world, job, 3).await;
    }
    let history = world.history(job).await;
    let count = |wanted| history.iter().filter(|action| **action == wanted).count();
    assert_eq!((count(Action::JobRetried), count(Action::JobFailed)), (2, 3));
    assert_eq!(count(Action::JobCreated), 1, "it is the same job");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_called_off_or_is_done_never_runs() {
    let world = World::new().await;
    let called_off = scheduled(&world, 7).await;
    world.api.cancel_job(&organisation(ORGANISATION), called_off, &owner("owner-1")).await.unwrap();
    let before = log(&world).await;
    let refused = retry(&world, called_off).await;
    assert!(matches!(refused, Err(ControlError::Illegal(_))), "{refused:?}");
    assert_eq!(state(&world, called_off).await, "cancelled");
    let steps = vec![erasing(1, StepKind::VerifyErasure, None)];
    let done = world.planned_erasure("other", steps).await;
    let last = world.claim_erasure(done, 2).await;
    world.conclude_erasure(&last, Conclusion::Completed, Default::default()).await;
    let refused = world.api.retry_job(&organisation("other"), done, &owner("owner-1")).await;
    assert!(matches!(refused, Err(ControlError::Illegal(_))), "{refused:?}");
    assert_eq!(log(&world).await[..before.len()], before);
}
