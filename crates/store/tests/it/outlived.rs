//! Packages that outlive an erasure stand in its result, until they end.

use domain::erasure::{GracePeriod, SubjectRef};
use domain::id::JobId;
use domain::job::law::Conclusion;
use domain::job::{JobOutcome, StepKind};
use store::{Accepted, NewExport, NewPackage, Produced};
use testkit::{new_erasure, new_export, organisation};
use uuid::Uuid;

use super::support::{World, erasing, planning, whole};

/// A completed export with a package.
async fn packed(world: &World, new: &NewExport) -> JobId {
    let (Accepted::Created(job) | Accepted::Replayed(job)) = world.api.create_export(new).await.unwrap();
    let planned = world.claim(job, 1).await;
    let mut plan = planning(vec![whole(1)]);
    // Its rows are read as they are now.
    plan.plan.as_mut().unwrap().cutoff = chrono::Utc::now();
    world.conclude(&planned, Conclusion::Completed, plan).await;
    let package = NewPackage {
        id: Uuid::new_v4(),
        volume_no: 1,
        object_key: format!("organisations/x/jobs/{job}/2-1/package.zip"),
        file_name: "export.zip".to_owned(),
        size_bytes: 1,
        sha256: "00".to_owned(),
    };
    let claimed = world.claim(job, 2).await;
    let produced = Produced { packages: vec![package], ..Produced::default() };
    world.conclude(&claimed, Conclusion::Completed, produced).await;
    job
}

fn subject(identity_type: &str, tag: &str) -> Option<SubjectRef> {
    Some(SubjectRef { identity_type: identity_type.to_owned(), tag: tag.to_owned() })
}

fn of_person(id: &str, identity_type: &str, tag: &str) -> NewExport {
    let mut new = new_export(id);
    new.request.subject = subject(identity_type, tag);
    new
}

/// An erasure of acme, or of one person, that has ended; with a dry run it erased nothing.
async fn erased(world: &World, subject: Option<SubjectRef>, dry_run: bool) -> JobId {
    let mut new = new_erasure("acme");
    new.request.grace_period_days = GracePeriod::NONE;
    new.soft_deletes = false;
    (new.request.subject, new.request.dry_run) = (subject, dry_run);
    let job = world.erasure(&new).await;
    let planned = world.claim_erasure(job, 1).await;
    let steps = if dry_run { Vec::new() } else { vec![erasing(1, StepKind::VerifyErasure, None)] };
    world.conclude_erasure(&planned, Conclusion::Completed, planning(steps)).await;
    if !dry_run {
        assert!(outlived_by(world, job).await.is_empty(), "it has not ended");
        let last = world.claim_erasure(job, 2).await;
        world.conclude_erasure(&last, Conclusion::Completed, Produced::default()).await;
    }
    assert_eq!(world.job_facts(job).await.state, "completed");
    job
}

async fn outlived_by(world: &World, job: JobId) -> Vec<JobId> {
    let view = world.api.job_view(&organisation("acme"), job).await.unwrap().unwrap();
    let mut jobs: Vec<JobId> = view.outlived_by.iter().map(|package| JobId(package.job)).collect();
    jobs.sort_by_key(|job| job.0);
    jobs
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_names_the_packages_that_may_hold_what_it_erased_until_they_end() {
    let world = World::new().await;
    let everybody = packed(&world, &new_export("acme")).await;
    let ann = packed(&world, &of_person("acme", "email", "a")).await;
    let bob = packed(&world, &of_person("acme", "email", "b")).await;
    let by_number = packed(&world, &of_person("acme", "customer_id", "c")).await;
    packed(&world, &new_export("globex")).await;
    let mut all = [everybody, ann, bob, by_number];
    all.sort_by_key(|job| job.0);

    assert!(outlived_by(&world, erased(&world, None, true).await).await.is_empty(), "it erased nothing");
    let of_ann = erased(&world, subject("email", "a"), false).await;
    assert_eq!(outlived_by(&world, of_ann).await, all, "bob may be ann, found by another address");
    let of_all = erased(&world, None, false).await;
    assert_eq!(outlived_by(&world, of_all).await, all);
    assert!(outlived_by(&world, ann).await.is_empty(), "an export erases nothing");

    // What is made later holds nothing of what was erased.
    packed(&world, &new_export("acme")).await;
    assert_eq!(outlived_by(&world, of_all).await, all);
    let end = "UPDATE packages SET expires_at = clock_timestamp() WHERE job_id = $1";
    world.admin.execute(end, &[&everybody.0]).await.unwrap();
    assert!(!outlived_by(&world, of_all).await.contains(&everybody));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_found_nobody_names_no_package() {
    let world = World::new().await;
    packed(&world, &new_export("acme")).await;
    let mut new = new_erasure("acme");
    new.request.grace_period_days = GracePeriod::NONE;
    new.soft_deletes = false;
    new.request.subject = subject("email", "a");
    let job = world.erasure(&new).await;
    let planned = world.claim_erasure(job, 1).await;
    let nobody = Produced {
        outcome: Some(JobOutcome::NobodyFound),
        ..planning(vec![erasing(1, StepKind::VerifyErasure, None)])
    };
    world.conclude_erasure(&planned, Conclusion::Completed, nobody).await;
    let last = world.claim_erasure(job, 2).await;
    world.conclude_erasure(&last, Conclusion::Completed, Produced::default()).await;
    let view = world.api.job_view(&organisation("acme"), job).await.unwrap().unwrap();
    assert_eq!(
        (view.summary.state.as_str(), view.summary.outcome.as_deref()),
        ("completed", Some("nobody_found"))
    );
    assert!(view.outlived_by.is_empty(), "it erased nothing");
    // The same of somebody who was found.
    let somebody = erased(&world, subject("email", "b"), false).await;
    assert_eq!(outlived_by(&world, somebody).await.len(), 1);
}
