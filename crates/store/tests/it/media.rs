//! What became of media stands in the job and in the audit log.

use contracts::http::{MediaCounts, MediaView};
use domain::id::JobId;
use domain::job::StepKind;
use domain::job::law::Conclusion;
use serde_json::{Value, json};
use store::{AuditFilter, Produced};
use testkit::organisation;

use crate::grace::ORGANISATION;
use crate::support::{World, erasing};

/// An erasure with a step over media, ended with this result.
async fn ended(world: &World, result: Value) -> JobId {
    let steps = vec![
        erasing(1, StepKind::DeleteMedia, Some("shop.photos")),
        erasing(2, StepKind::VerifyErasure, None),
    ];
    let job = world.planned_erasure(ORGANISATION, steps).await;
    let claimed = world.claim_erasure(job, 2).await;
    let produced = Produced { result: Some(result), ..Produced::default() };
    world.conclude_erasure(&claimed, Conclusion::Completed, produced).await;
    job
}

async fn shown(world: &World, job: JobId) -> Vec<MediaView> {
    world.api.job_view(&organisation(ORGANISATION), job).await.unwrap().unwrap().media
}

async fn logged(world: &World, job: JobId) -> Vec<MediaCounts> {
    world.deliver_audit().await;
    let filter = AuditFilter { job: Some(job.0), limit: 100, ..AuditFilter::default() };
    let entries = world.api.audit_entries(&organisation(ORGANISATION), &filter).await.unwrap();
    let about = |action: &str| entries.iter().filter(|entry| entry.action == action).count();
    assert!(about("step.completed") >= 2, "planning and media");
    entries.into_iter().filter_map(|entry| entry.media).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_count_is_shown_and_logged_once() {
    let world = World::new().await;
    let counts = json!({
        "objects": 41, "versions": 47, "markers": 3, "missing": 1, "outside": 2, "locked": 4, "impossible": 5,
    });
    let job = ended(&world, counts).await;
    let counts = MediaCounts {
        objects: 41,
        versions: 47,
        markers: 3,
        missing: 1,
        outside: 2,
        locked: 4,
        impossible: 5,
    };
    let view = MediaView { step_no: 2, collection: "shop.photos".to_owned(), counts };
    assert_eq!(shown(&world, job).await, [view]);
    assert_eq!(logged(&world, job).await, [counts]);
}

/// As a step wrote it down when nothing but its row told of it.
#[tokio::test(flavor = "multi_thread")]
async fn results_from_before_are_shown() {
    let world = World::new().await;
    let job = ended(&world, json!({"objects": 0, "outside": 6})).await;
    assert_eq!(shown(&world, job).await[0].counts, MediaCounts { outside: 6, ..MediaCounts::default() });
    let strange = "UPDATE job_steps SET result = '\"no counts\"' WHERE job_id = $1 AND step_no = 2";
    // What a step has given does not change; a row of another code may still have anything there.
    world.admin.batch_execute("SET session_replication_role = replica").await.unwrap();
    world.admin.execute(strange, &[&job.0]).await.unwrap();
    assert_eq!(shown(&world, job).await, [], "and what is none is passed over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_about_something_else_has_none() {
    let world = World::new().await;
    let job =
        world.planned_erasure(ORGANISATION, vec![erasing(1, StepKind::EraseRows, Some("shop.photos"))]).await;
    let claimed = world.claim_erasure(job, 2).await;
    let produced = Produced { result: Some(json!({"rows": 3, "batches": 1})), ..Produced::default() };
    world.conclude_erasure(&claimed, Conclusion::Completed, produced).await;
    assert_eq!((shown(&world, job).await, logged(&world, job).await), (Vec::new(), Vec::new()));
}
