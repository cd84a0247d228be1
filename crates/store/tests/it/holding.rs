//! Legal holds: what an erasure leaves because of one is erased once it is released, however the two
//! meet.

use domain::erasure::ErasureRequest;
use domain::id::JobId;
use domain::job::StepKind;
use domain::job::law::Conclusion;
use store::{Accepted, HoldError, NewHold, Produced, Retained};
use testkit::{new_erasure, organisation, owner};
use uuid::Uuid;

use crate::support::{World, erasing, planning};

const ORGANISATION: &str = "acme";

async fn place(world: &World) -> Uuid {
    let new = NewHold {
        id: Uuid::now_v7(),
        organisation: organisation(ORGANISATION),
        scope: serde_json::json!({"collection": "shop.orders"}),
        sealed: None,
        ground: "legal_claims".to_owned(),
        owner: "legal department".to_owned(),
        review_on: "2027-01-31".parse().unwrap(),
    };
    world.api.place_hold(&new, &owner("officer-1")).await.unwrap().id
}

/// An erasure that is about to look at its result, with a scope that a later run needs.
async fn verifying(world: &World) -> store::Claimed {
    let mut new = new_erasure(ORGANISATION);
    new.request.grace_period_days = 0.try_into().unwrap();
    let Accepted::Created(job) = world.api.create_erasure(&new).await.unwrap() else { panic!("not new") };
    let plan = world.claim_erasure(job, 1).await;
    let mut planned = planning(vec![erasing(4, StepKind::VerifyErasure, None)]);
    planned.plan.as_mut().unwrap().scopes = vec![(0, b"sealed".to_vec())];
    world.conclude_erasure(&plan, Conclusion::Completed, planned).await;
    world.claim_erasure(job, 2).await
}

async fn end(world: &World, step: &store::Claimed, hold: Uuid, rows: i64) {
    let retained = vec![Retained { hold, collection: "shop.orders".to_owned(), rows }];
    world.conclude_erasure(step, Conclusion::Completed, Produced { retained, ..Produced::default() }).await;
}

async fn deferred(world: &World) -> Vec<(JobId, ErasureRequest)> {
    let sql = "SELECT id, request FROM privacy_jobs WHERE request ? 'deferred' ORDER BY id";
    let rows = world.admin.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (JobId(row.get(0)), serde_json::from_value(row.get(1)).unwrap())).collect()
}

async fn scopes(world: &World, job: JobId) -> i64 {
    world
        .admin
        .query_one("SELECT count(*) FROM step_scopes WHERE job_id = $1", &[&job.0])
        .await
        .unwrap()
        .get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn release_asks_for_the_rest_and_the_rest_ends_the_matter() {
    let world = World::new().await;
    let (hold, step) = (place(&world).await, verifying(&world).await);
    end(&world, &step, hold, 3).await;
    assert_eq!(world.job_facts(step.job_id).await.state, "completed");
    assert_eq!(scopes(&world, step.job_id).await, 1, "the later run has no other way to the rows");
    let ours = organisation(ORGANISATION);
    let view = world.api.job_view(&ours, step.job_id).await.unwrap().unwrap();
    assert_eq!((view.retained[0].rows, view.retained[0].ground.as_str()), (3, "legal_claims"));
    let jobs = world.api.release_hold(&ours, hold, &owner("officer-1")).await.unwrap();
    let found = deferred(&world).await;
    assert_eq!(jobs, [found[0].0]);
    let asked = found[0].1.deferred.unwrap();
    assert_eq!((asked.hold, asked.job), (hold, step.job_id.0));
    let again = world.api.release_hold(&ours, hold, &owner("officer-1")).await;
    assert!(matches!(again, Err(HoldError::Released)));
    let plan = world.claim_erasure(jobs[0], 1).await;
    let seen = world.erasure.scopes_of(&ours, JobId(asked.job)).await.unwrap();
    assert_eq!(seen.len(), 1);
    world
        .conclude_erasure(
            &plan,
            Conclusion::Completed,
            planning(vec![erasing(4, StepKind::VerifyErasure, None)]),
        )
        .await;
    let last = world.claim_erasure(jobs[0], 2).await;
    world.conclude_erasure(&last, Conclusion::Completed, Produced::default()).await;
    assert_eq!(scopes(&world, step.job_id).await, 0);
    let view = world.api.job_view(&ours, step.job_id).await.unwrap().unwrap();
    assert_eq!(view.retained[0].erased_by, Some(jobs[0].0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_is_released_before_the_erasure_ends_loses_nothing() {
    let world = World::new().await;
    let (hold, step) = (place(&world).await, verifying(&world).await);
    let released =
        world.api.release_hold(&organisation(ORGANISATION), hold, &owner("officer-1")).await.unwrap();
    assert_eq!(released, []);
    end(&world, &step, hold, 2).await;
    let found = deferred(&world).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1.deferred.unwrap().job, step.job_id.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_seen_and_released_by_its_own_organisation_only() {
    let world = World::new().await;
    let hold = place(&world).await;
    let (ours, theirs) = (organisation(ORGANISATION), organisation("other"));
    assert_eq!(world.api.holds(&ours, true).await.unwrap().len(), 1);
    assert_eq!(world.api.holds(&theirs, false).await.unwrap(), []);
    assert_eq!(world.api.hold(&theirs, hold).await.unwrap(), None);
    let foreign = world.api.release_hold(&theirs, hold, &owner("officer-2")).await;
    assert!(matches!(foreign, Err(HoldError::NotFound)));
    assert!(world.api.hold(&ours, hold).await.unwrap().unwrap().released_at.is_none());
    world.api.release_hold(&ours, hold, &owner("officer-1")).await.unwrap();
    assert_eq!(world.api.holds(&ours, true).await.unwrap(), []);
    assert_eq!(world.erasure.active_holds(&ours).await.unwrap(), []);
}
