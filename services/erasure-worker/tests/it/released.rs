//! What a hold kept is erased after its release: once, all of it, and nothing else.

use domain::erasure::document::RetainedRows;
use domain::id::JobId;
use domain::job::StepKind;
use serde_json::{Value, json};
use testkit::{organisation, owner};
use uuid::Uuid;

use crate::binding::{STANDING, completed, in_the_middle, person, world};
use crate::world::World;

/// The holds of this schema are on notes.
pub fn notes(operator: &str) -> Value {
    let comparisons = json!([{"column": "id", "operator": operator}]);
    json!({"kind": "rows", "collection": "shop.note", "comparisons": comparisons})
}

pub fn all_notes() -> (Value, Value) {
    (json!({"kind": "collection", "collection": "shop.note"}), json!({"values": []}))
}

/// Releases a hold, and runs the jobs that this asks for to their ends; what each has erased.
pub async fn release(world: &World, hold: Uuid) -> Vec<i64> {
    let ours = organisation("1");
    let mut erased = Vec::new();
    for job in world.api.release_hold(&ours, hold, &owner("officer-1")).await.unwrap() {
        completed(&world.finish(job, &ours).await);
        erased.push(world.journalled(job).await);
    }
    erased.sort_unstable();
    erased
}

/// Runs a job up to its last look, has `meanwhile` done, and lets it look.
pub async fn before_the_last_look(world: &World, job: JobId, meanwhile: &str) {
    while let Some(step) = world.due(job).await {
        let claimed = world.claim(job, step).await;
        let last = claimed.kind == StepKind::VerifyErasure;
        if last {
            world.client.batch_execute(meanwhile).await.unwrap();
        }
        world.step(&claimed).await;
        if last {
            return;
        }
    }
    panic!("it has no last look");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_two_holds_are_erased_once_whichever_is_released_first() {
    let world = world().await;
    let early = world.hold(notes("at_most"), json!({"values": ["30"]})).await;
    let late = world.hold(notes("at_least"), json!({"values": ["21"]})).await;
    completed(&world.erase("1").await);
    assert_eq!(release(&world, early).await, [20], "ten are held still");
    assert_eq!(world.rows(STANDING).await.len(), 2_480);
    assert_eq!(release(&world, late).await, [10, 2_470], "by each job what was left to it");
    assert_eq!(world.rows(STANDING).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_of_a_run_after_a_release_says_which_hold_keeps_rows_still_and_on_what_ground() {
    let world = world().await;
    let ours = organisation("1");
    let early = world.hold(notes("at_most"), json!({"values": ["30"]})).await;
    let late = world.hold(notes("at_least"), json!({"values": ["21"]})).await;
    completed(&world.erase("1").await);
    let jobs = world.api.release_hold(&ours, early, &owner("officer-1")).await.unwrap();
    let ended = world.finish(jobs[0], &ours).await;
    completed(&ended);
    let plan = world.plan(&ended, "1").await;
    let kept: Vec<RetainedRows> = plan.collections.into_iter().flat_map(|one| one.retained).collect();
    assert_eq!(kept, [RetainedRows { hold: late, ground: "legal_claims".to_owned(), rows: 10 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_run_after_a_persons_release_is_not_about_what_a_later_hold_keeps_alone() {
    let world = world().await;
    let (scope, sealed) = person("customer_id", "C7");
    let someone = world.hold(scope, sealed).await;
    let late = world.hold(notes("at_least"), json!({"values": ["2401"]})).await;
    completed(&world.erase("1").await);
    assert_eq!(release(&world, someone).await, [2], "the customer and a note");
    assert_eq!(release(&world, late).await, [100], "by one job");
    assert_eq!(world.rows(STANDING).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_hold_keeps_of_a_person_is_left_to_it_by_the_run_after_that_persons_release() {
    let world = world().await;
    let (scope, sealed) = person("customer_id", "C2450");
    let someone = world.hold(scope, sealed).await;
    let late = world.hold(notes("at_least"), json!({"values": ["2401"]})).await;
    completed(&world.erase("1").await);
    assert_eq!(release(&world, someone).await, [1], "the customer");
    assert_eq!(release(&world, late).await, [1, 99], "by each job what was left to it");
    assert_eq!(world.rows(STANDING).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_before_a_hold_came_is_not_erased_again_after_its_release() {
    let world = world().await;
    let job = world.planned().await;
    let hold = std::sync::Mutex::new(Uuid::nil());
    in_the_middle(&world, job, async |world: &World| {
        let (scope, sealed) = all_notes();
        *hold.lock().unwrap() = world.hold(scope, sealed).await;
        world.bind().await;
    })
    .await;
    completed(&world.finish(job, &organisation("1")).await);
    let standing = i64::try_from(world.rows(STANDING).await.len()).unwrap();
    assert!((1_000..=1_600).contains(&standing), "{standing}");
    let hold = hold.into_inner().unwrap();
    assert_eq!(release(&world, hold).await, [standing], "only what was left");
    assert_eq!(world.rows(STANDING).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_comes_and_goes_while_a_job_runs_costs_nothing_but_a_run_of_its_own() {
    let world = world().await;
    let ours = organisation("1");
    let job = world.planned().await;
    in_the_middle(&world, job, async |world: &World| {
        let (scope, sealed) = all_notes();
        world.hold(scope, sealed).await;
        world.bind().await;
    })
    .await;
    let held: Uuid = world.admin.query_one("SELECT id FROM legal_holds", &[]).await.unwrap().get(0);
    assert_eq!(world.api.release_hold(&ours, held, &owner("officer-1")).await.unwrap(), []);
    completed(&world.finish(job, &ours).await);
    let rest = "SELECT id FROM privacy_jobs WHERE request ? 'deferred'";
    let rest = JobId(world.admin.query_one(rest, &[]).await.unwrap().get(0));
    completed(&world.finish(rest, &ours).await);
    assert_eq!(world.rows(STANDING).await.len(), 0);
    assert_eq!(world.journalled(job).await + world.journalled(rest).await, 5_000, "each row once");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_come_to_be_a_held_persons_are_held_too_and_erased_after_the_release() {
    let world = world().await;
    let (scope, sealed) = person("customer_id", "C2000");
    let hold = world.hold(scope, sealed).await;
    let job = world.planned().await;
    let rows =
        "INSERT INTO note VALUES (1999000, 1, 2000, 'note that came'), (1999001, 1, 1999, 'note that came')";
    world.client.batch_execute(rows).await.unwrap();
    let ended = world.finish(job, &organisation("1")).await;
    completed(&ended);
    assert_eq!(world.rows(STANDING).await, ["(2000)", "(1999000)"], "held since before");
    assert_eq!(world.retained(job).await, [(hold, 3)], "the customer and two notes");
    assert_eq!(release(&world, hold).await, [3]);
    assert_eq!(world.rows(STANDING).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_row_of_the_person_that_no_plan_names_does_not_stay_behind() {
    let world = world().await;
    let ours = organisation("1");
    let (scope, sealed) = all_notes();
    let hold = world.hold(scope, sealed).await;
    let job = world.accepted(&world.person("1", "customer_id", "C7")).await;
    world.step(&world.claim(job, 1).await).await;
    world.client.batch_execute("INSERT INTO note VALUES (7000, 1, 7, 'note that came')").await.unwrap();
    let failure = world.finish(job, &ours).await.failure.unwrap();
    assert!(failure.starts_with("not_erased: ") && failure.contains("public.note: 1 rows"), "{failure}");
    world.api.retry_job(&ours, job, &owner("owner-1")).await.unwrap();
    completed(&world.finish(job, &ours).await);
    assert_eq!(world.retained(job).await, [(hold, 2)], "now it is named");
    assert_eq!(release(&world, hold).await, [2]);
    assert_eq!(world.rows("SELECT id FROM note WHERE customer = 7 AND body <> '[redacted]'").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_back_is_erased_by_a_further_pass_of_the_run_after_a_release() {
    let world = world().await;
    let ours = organisation("1");
    let (scope, sealed) = all_notes();
    let hold = world.hold(scope, sealed).await;
    completed(&world.erase("1").await);
    let jobs = world.api.release_hold(&ours, hold, &owner("officer-1")).await.unwrap();
    before_the_last_look(&world, jobs[0], "UPDATE note SET body = 'note 5' WHERE id = 5").await;
    let failure = world.finish(jobs[0], &ours).await.failure.unwrap();
    assert!(failure.starts_with("not_erased: "), "{failure}");
    world.api.retry_job(&ours, jobs[0], &owner("owner-1")).await.unwrap();
    completed(&world.finish(jobs[0], &ours).await);
    assert_eq!(world.rows(STANDING).await.len(), 0);
    assert_eq!(world.journalled(jobs[0]).await, 2_501, "all, and the one again");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_made_after_the_erasure_are_none_of_the_matter_of_the_run_after_a_release() {
    let schema = crate::binding::SCHEMA
        .replace("body text);", "body text, made timestamptz NOT NULL DEFAULT '2024-01-01');");
    let map = crate::binding::MAP
        .replace(
            "name: note\n    lethe: {tenant: org}",
            "name: note\n    lethe: {tenant: org, created_at: made}",
        )
        .replace("    - {name: body,", "    - {name: made}\n    - {name: body,");
    let world = World::new(&schema, &map, None).await;
    let (scope, sealed) = all_notes();
    let hold = world.hold(scope, sealed).await;
    completed(&world.erase("1").await);
    let row = "INSERT INTO note VALUES (9000, 1, 9, 'note of a new life', clock_timestamp())";
    world.client.batch_execute(row).await.unwrap();
    assert_eq!(release(&world, hold).await, [2_500]);
    assert_eq!(world.rows(STANDING).await, ["(9000)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_on_somebody_else_does_not_stop_the_run_after_a_persons_release() {
    let world = world().await;
    let (scope, sealed) = all_notes();
    let notes = world.hold(scope, sealed).await;
    completed(&world.erase_person("1", "customer_id", "C7").await);
    let (scope, sealed) = person("customer_id", "C8");
    world.hold(scope, sealed).await;
    assert_eq!(release(&world, notes).await, [1]);
    assert_eq!(
        world.rows("SELECT body FROM note WHERE id IN (7, 8) ORDER BY id").await,
        ["([redacted])", "(\"note 8\")"]
    );
}
