//! W6: an export that was to come before the erasure failed, and the erasure ran all the same. Here nothing
//! is erased that was not delivered first.

use domain::id::JobId;
use domain::job::FailureReason;
use domain::job::law::Conclusion;
use domain::job::{Phase, StepKind};
use domain::plan::PlannedStep;
use store::{Accepted, Claim, Claimed, NewErasure, Plan, Produced, StepReport};
use testkit::{new_erasure, new_export, organisation, owner, worker};

use crate::grace::{MAP, ORGANISATION, SHOP, marked};
use crate::world::{Ended, World, policy};

/// An export of the organisation whose package is to be written next.
async fn export(world: &World) -> JobId {
    let (Accepted::Created(job) | Accepted::Replayed(job)) =
        world.api.create_export(&new_export(ORGANISATION)).await.unwrap();
    let cutoff = "2026-11-21T12:00:00Z".parse().unwrap();
    let (phase, kind) = (Phase(1), StepKind::ExportWhole);
    let whole = PlannedStep { phase, kind, collection: None, part_no: None, rows_planned: 0 };
    let plan = Plan { cutoff, steps: vec![whole], sizes: Vec::new(), scopes: Vec::new() };
    let planned = Produced { plan: Some(plan), ..Produced::default() };
    conclude(world, (job, 1), Conclusion::Completed, planned).await;
    job
}

/// Ends the export, with or without its package.
async fn end(world: &World, export: JobId, conclusion: Conclusion) {
    conclude(world, (export, 2), conclusion, Produced::default()).await;
}

fn failing() -> Conclusion {
    Conclusion::Permanent(FailureReason::new("storage_full", "a test says so"))
}

async fn conclude(world: &World, (job, step): (JobId, i32), conclusion: Conclusion, produced: Produced) {
    let exports = world.control.store_as("lethe_export");
    let (ours, by) = (("test-worker", std::time::Duration::from_secs(600)), worker("export-worker"));
    let claim = exports.claim_step((job, domain::id::StepNo(step)), ours, &policy(), &by).await.unwrap();
    let Claim::Granted(claimed) = claim else { panic!("step {step} was not granted: {claim:?}") };
    let Claimed { job_id, step_no, epoch, .. } = *claimed;
    let report = StepReport { job_id, step_no, epoch, conclusion, produced };
    exports.conclude_step(&report, &policy(), &by).await.unwrap();
}

/// An erasure without a grace period that is to come after this export.
fn after(export: JobId) -> NewErasure {
    let mut new = new_erasure(ORGANISATION);
    new.request.grace_period_days = 0.try_into().unwrap();
    new.request.after_export = Some(export);
    new
}

async fn ask(world: &World, new: &NewErasure) -> JobId {
    let (Accepted::Created(job) | Accepted::Replayed(job)) = world.api.create_erasure(new).await.unwrap();
    job
}

/// Lets the erasure begin if it may, and runs whatever is due.
async fn run(world: &World, job: JobId) -> Ended {
    let now = world.admin.query_one("SELECT clock_timestamp()", &[]).await.unwrap().get(0);
    let scheduler = world.control.store_as("lethe_scheduler");
    scheduler.release_scheduled(now, &worker("retention-scheduler")).await.unwrap();
    world.finish(job, &organisation(ORGANISATION)).await
}

fn not_delivered(export: JobId, state: &str) -> String {
    format!(
        "export_not_delivered: nothing was erased: the export {export} that was to come first is {state}; ask for the erasure again, after an export that completes"
    )
}

async fn entries(world: &World) -> i64 {
    world.client.query_one("SELECT count(*) FROM lethe.journal", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_an_export_that_fails_leaves_every_row_where_it_is() {
    let world = World::new(SHOP, MAP, None).await;
    let before = world.digests().await;
    let export = export(&world).await;
    let mut new = after(export);
    new.soft_deletes = false;
    let job = ask(&world, &new).await;
    assert_eq!(run(&world, job).await.state, "scheduled", "the export is under way");
    end(&world, export, failing()).await;
    let ended = run(&world, job).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("failed", Some(not_delivered(export, "failed"))));
    assert_eq!(world.digests().await, before);
    assert_eq!(entries(&world).await, 0, "not even the journal was touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_an_export_that_is_called_off_takes_the_mark_on_the_organisation_away() {
    let world = World::new(SHOP, MAP, None).await;
    let before = world.digests().await;
    let export = export(&world).await;
    let job = ask(&world, &after(export)).await;
    run(&world, job).await;
    assert_eq!(marked(&world).await, ["(7)"]);
    world.api.cancel_job(&organisation(ORGANISATION), export, &owner("owner-1")).await.unwrap();
    let ended = run(&world, job).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("failed", Some(not_delivered(export, "cancelled"))));
    assert_eq!(world.digests().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_trying_the_erasure_again_helps_only_after_the_export() {
    let world = World::new(SHOP, MAP, None).await;
    let (before, export) = (world.digests().await, export(&world).await);
    let job = ask(&world, &after(export)).await;
    end(&world, export, failing()).await;
    run(&world, job).await;
    let (ours, by) = (organisation(ORGANISATION), owner("owner-1"));
    world.api.retry_job(&ours, job, &by).await.unwrap();
    assert_eq!(run(&world, job).await.failure, Some(not_delivered(export, "failed")));
    world.api.retry_job(&ours, export, &by).await.unwrap();
    world.api.retry_job(&ours, job, &by).await.unwrap();
    assert_eq!(run(&world, job).await.failure, Some(not_delivered(export, "pending")));
    assert_eq!(world.digests().await, before);
    end(&world, export, Conclusion::Completed).await;
    world.api.retry_job(&ours, job, &by).await.unwrap();
    let ended = run(&world, job).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_export_that_completes_the_rows_are_erased() {
    let world = World::new(SHOP, MAP, None).await;
    let export = export(&world).await;
    let job = ask(&world, &after(export)).await;
    run(&world, job).await;
    assert_eq!(world.rows("SELECT email FROM person WHERE id = 1").await, ["(one@example.org)"]);
    end(&world, export, Conclusion::Completed).await;
    let ended = run(&world, job).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    let erased = world.rows("SELECT email FROM person WHERE id = 1").await;
    assert!(!erased[0].contains("one@example.org"), "{erased:?}");
    assert_eq!(world.rows("SELECT email FROM person WHERE id = 2").await, ["(two@example.org)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_whose_package_has_expired_was_delivered() {
    let world = World::new(SHOP, MAP, None).await;
    let export = export(&world).await;
    end(&world, export, Conclusion::Completed).await;
    let expired = format!(
        "BEGIN; SET LOCAL session_replication_role = replica; \
         UPDATE privacy_jobs SET state = 'expired' WHERE id = '{export}'; COMMIT"
    );
    world.admin.batch_execute(&expired).await.unwrap();
    let job = ask(&world, &after(export)).await;
    let ended = run(&world, job).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_is_planned_while_the_export_is_under_way() {
    let world = World::new(SHOP, MAP, None).await;
    let (before, mut dry) = (world.digests().await, after(export(&world).await));
    dry.request.dry_run = true;
    let ended = world.run(&dry).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    assert_eq!(world.digests().await, before);
}
