//! Legal holds: what an erasure leaves because of one is erased once it is released, however the two
//! meet.

use domain::erasure::{ErasureRequest, GracePeriod};
use domain::id::{JobId, OrganisationId};
use domain::job::StepKind;
use domain::job::law::Conclusion;
use store::{AuditFilter, Claimed, HoldError, HoldFilter, NewErasure, NewHold, Produced, Retained};
use testkit::{PATIENCE, eventually, new_erasure, organisation, owner};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::{World, erasing, planning};

pub const ORGANISATION: &str = "acme";

/// A hold of an organisation on one collection.
pub async fn place(world: &World, of: &str) -> Uuid {
    let new = NewHold {
        id: Uuid::now_v7(),
        organisation: organisation(of),
        scope: serde_json::json!({"collection": "shop.orders"}),
        sealed: Some(b"sealed".to_vec()),
        ground: "legal_claims".to_owned(),
        owner: "legal department".to_owned(),
        review_on: "2027-01-31".parse().unwrap(),
    };
    world.api.place_hold(&new, &owner("officer-1")).await.unwrap().id
}

/// An erasure that is about to look at its result, with a scope that a later run needs.
pub async fn verifying(world: &World) -> Claimed {
    let mut new = new_erasure(ORGANISATION);
    new.request.grace_period_days = GracePeriod::NONE;
    new.soft_deletes = false;
    let job = world.erasure(&new).await;
    verifying_of(world, job).await
}

async fn verifying_of(world: &World, job: JobId) -> Claimed {
    let plan = world.claim_erasure(job, 1).await;
    let mut planned = planning(vec![erasing(4, StepKind::VerifyErasure, None)]);
    planned.plan.as_mut().unwrap().scopes = vec![(0, b"sealed".to_vec())];
    world.conclude_erasure(&plan, Conclusion::Completed, planned).await;
    world.claim_erasure(job, 2).await
}

/// The run that erases what a request has left because of a hold, once that is released.
pub async fn rest_of(world: &World, mut new: NewErasure) -> JobId {
    let hold = place(world, ORGANISATION).await;
    new.request.grace_period_days = GracePeriod::NONE;
    new.soft_deletes = false;
    let step = verifying_of(world, world.erasure(&new).await).await;
    end(world, &step, hold, 3).await;
    release(world, hold).await[0]
}

fn retained(hold: Uuid, collection: &str, rows: i64) -> Retained {
    let (collection, sealed) = (collection.to_owned(), b"sealed".to_vec());
    Retained { hold, collection, rows, sealed }
}

pub fn left(holds: &[Uuid]) -> Produced {
    let left = |hold: &Uuid| retained(*hold, "shop.orders", 2);
    Produced { retained: holds.iter().map(left).collect(), ..Produced::default() }
}

pub async fn release(world: &World, hold: Uuid) -> Vec<JobId> {
    world.api.release_hold(&organisation(ORGANISATION), hold, &owner("officer-1")).await.unwrap()
}

async fn end(world: &World, step: &Claimed, hold: Uuid, rows: i64) {
    let retained = vec![retained(hold, "shop.orders", rows)];
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
    let (hold, step) = (place(&world, ORGANISATION).await, verifying(&world).await);
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
    let seen = world.eraser.scopes_of(&ours, JobId(asked.job)).await.unwrap();
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
    let (hold, step) = (place(&world, ORGANISATION).await, verifying(&world).await);
    let released =
        world.api.release_hold(&organisation(ORGANISATION), hold, &owner("officer-1")).await.unwrap();
    assert_eq!(released, []);
    end(&world, &step, hold, 2).await;
    let found = deferred(&world).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1.deferred.unwrap().job, step.job_id.0);
}

async fn listed(world: &World, of: &OrganisationId, only_active: bool) -> Vec<Uuid> {
    let filter = HoldFilter { only_active, before: None, limit: 10 };
    world.api.holds(of, &filter).await.unwrap().into_iter().map(|hold| hold.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_seen_and_released_by_its_own_organisation_only() {
    let world = World::new().await;
    let hold = place(&world, ORGANISATION).await;
    let (ours, theirs) = (organisation(ORGANISATION), organisation("other"));
    assert_eq!(listed(&world, &ours, true).await, [hold]);
    assert!(listed(&world, &theirs, false).await.is_empty());
    assert_eq!(world.api.hold(&theirs, hold).await.unwrap(), None);
    let foreign = world.api.release_hold(&theirs, hold, &owner("officer-2")).await;
    assert!(matches!(foreign, Err(HoldError::NotFound)));
    assert!(world.api.hold(&ours, hold).await.unwrap().unwrap().released_at.is_none());
    world.api.release_hold(&ours, hold, &owner("officer-1")).await.unwrap();
    assert!(listed(&world, &ours, true).await.is_empty());
    assert_eq!(world.eraser.active_holds(&ours).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_names_the_hold() {
    let world = World::new().await;
    let hold = place(&world, ORGANISATION).await;
    release(&world, hold).await;
    world.deliver_audit().await;
    let ours = organisation(ORGANISATION);
    let filter = AuditFilter { limit: 10, ..AuditFilter::default() };
    let entries = world.api.audit_entries(&ours, &filter).await.unwrap();
    let told: Vec<_> =
        entries.iter().map(|entry| (entry.action.as_str(), entry.actor.as_str(), entry.hold_id)).collect();
    assert_eq!(told, [("hold.released", "officer-1", Some(hold)), ("hold.placed", "officer-1", Some(hold))]);
    assert_eq!(world.api.audit_entries(&organisation("other"), &filter).await.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_shows_a_hold_and_only_the_eraser_gets_its_values() {
    let world = World::new().await;
    let hold = place(&world, ORGANISATION).await;
    let ours = organisation(ORGANISATION);
    let shown = world.api.hold(&ours, hold).await.unwrap().unwrap();
    assert_eq!((shown.ground.as_str(), shown.owner.as_str()), ("legal_claims", "legal department"));
    assert_eq!((shown.placed_by.as_str(), shown.released_by), ("officer-1", None));
    assert!(world.api.active_holds(&ours).await.is_err());
    verifying(&world).await;
    let obeyed = world.eraser.active_holds(&ours).await.unwrap();
    assert_eq!(obeyed[0].sealed.as_deref(), Some(&b"sealed"[..]));
    assert!(!format!("{obeyed:?}").contains("115, 101"), "its bytes are not shown");
}

/// Keeps whoever writes that version of a job from getting on until the answer is rolled back.
async fn stop_at(world: &World, job: JobId, version: i64) -> Client {
    let client = world.db.client().await;
    let id = Uuid::new_v5(&job.0, format!("audit:{version}").as_bytes());
    let same_event = format!(
        "BEGIN; INSERT INTO outbox (event_id, kind, routing_key, body) VALUES ('{id}', 'audit.event', 'audit.event', '')"
    );
    client.batch_execute(&same_event).await.unwrap();
    client
}

/// Until so many transactions wait for another.
pub async fn waiting(world: &World, count: i64) {
    let blocked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually(PATIENCE, "transactions wait", async || world.count(blocked).await == count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn release_while_the_erasure_ends_asks_for_the_rest_once() {
    let world = World::new().await;
    let (hold, step) = (place(&world, ORGANISATION).await, verifying(&world).await);
    let version = world.job_facts(step.job_id).await.version;
    let stopped = stop_at(&world, step.job_id, version + 1).await;
    let later = async {
        // The end has seen that the hold is in effect, and is not visible yet.
        waiting(&world, 1).await;
        let go = async {
            waiting(&world, 2).await;
            stopped.batch_execute("ROLLBACK").await.unwrap();
        };
        tokio::join!(release(&world, hold), go).0
    };
    let ((), jobs) = tokio::join!(end(&world, &step, hold, 1), later);
    assert_eq!(jobs.len(), 1);
    let asked = deferred(&world).await;
    assert_eq!(asked.iter().map(|(job, _)| *job).collect::<Vec<_>>(), jobs);
    assert_eq!(asked[0].1.deferred.map(|deferred| deferred.job), Some(step.job_id.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_runs_of_two_holds_that_end_at_the_same_time_leave_no_scope() {
    let world = World::new().await;
    let holds = [place(&world, ORGANISATION).await, place(&world, ORGANISATION).await];
    let step = verifying(&world).await;
    world.conclude_erasure(&step, Conclusion::Completed, left(&holds)).await;
    let mut runs = Vec::new();
    for hold in holds {
        let jobs = release(&world, hold).await;
        assert_eq!(jobs.len(), 1);
        runs.push(verifying_of(&world, jobs[0]).await);
    }
    assert_eq!(scopes(&world, step.job_id).await, 1);
    let version = world.job_facts(runs[0].job_id).await.version;
    let stopped = stop_at(&world, runs[0].job_id, version + 2).await;
    let ends = async |run: &Claimed| {
        world.conclude_erasure(run, Conclusion::Completed, Produced::default()).await;
    };
    let second = async {
        // The first has looked at what is left, and is not visible yet.
        waiting(&world, 1).await;
        let go = async {
            waiting(&world, 2).await;
            stopped.batch_execute("ROLLBACK").await.unwrap();
        };
        tokio::join!(ends(&runs[1]), go)
    };
    tokio::join!(ends(&runs[0]), second);
    for job in [step.job_id, runs[0].job_id, runs[1].job_id] {
        assert_eq!(scopes(&world, job).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_hold_keeps_of_the_rest_is_taken_up_after_that_one() {
    let world = World::new().await;
    let (first, second) = (place(&world, ORGANISATION).await, place(&world, ORGANISATION).await);
    let step = verifying(&world).await;
    world.conclude_erasure(&step, Conclusion::Completed, left(&[first])).await;
    let run = verifying_of(&world, release(&world, first).await[0]).await;
    world.conclude_erasure(&run, Conclusion::Completed, left(&[second])).await;
    assert_eq!((scopes(&world, step.job_id).await, scopes(&world, run.job_id).await), (0, 1));
    let last = verifying_of(&world, release(&world, second).await[0]).await;
    let request: ErasureRequest = serde_json::from_value(last.request.clone()).unwrap();
    assert_eq!(request.deferred.unwrap().job, run.job_id.0, "whose scopes name the rows");
    world.conclude_erasure(&last, Conclusion::Completed, Produced::default()).await;
    assert_eq!(world.count("SELECT count(*) FROM step_scopes").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM retained_rows").await, 0, "they go with the scopes");
    assert_eq!(world.count("SELECT count(*) FROM job_retained WHERE erased_by IS NULL").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_called_off_needs_no_scope_any_more() {
    let world = World::new().await;
    let (hold, step) = (place(&world, ORGANISATION).await, verifying(&world).await);
    world.conclude_erasure(&step, Conclusion::Completed, left(&[hold])).await;
    let jobs = release(&world, hold).await;
    assert_eq!(scopes(&world, step.job_id).await, 1);
    world.api.cancel_job(&organisation(ORGANISATION), jobs[0], &owner("owner-1")).await.unwrap();
    assert_eq!(scopes(&world, step.job_id).await, 0);
    let view = world.api.job_view(&organisation(ORGANISATION), step.job_id).await.unwrap().unwrap();
    assert_eq!(view.retained[0].erased_by, None, "the rows are still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_rows_are_no_reason_for_another_job() {
    let world = World::new().await;
    let (hold, other) = (place(&world, ORGANISATION).await, place(&world, ORGANISATION).await);
    let step = verifying(&world).await;
    release(&world, hold).await;
    let retained = vec![
        retained(hold, "shop.orders", 0),
        retained(other, "shop.orders", 1),
        retained(other, "shop.lines", 5),
    ];
    let produced = Produced { retained, ..Produced::default() };
    world.conclude_erasure(&step, Conclusion::Completed, produced).await;
    assert_eq!(deferred(&world).await, []);
    let view = world.api.job_view(&organisation(ORGANISATION), step.job_id).await.unwrap().unwrap();
    let told: Vec<_> = view.retained.iter().map(|left| (left.collection.as_str(), left.rows)).collect();
    assert_eq!(told, [("shop.lines", 5), ("shop.orders", 1)]);
    let rows = world.eraser.rows_retained(&organisation(ORGANISATION), step.job_id, other).await.unwrap();
    assert_eq!(rows.into_keys().collect::<Vec<_>>(), ["shop.lines", "shop.orders"]);
}
