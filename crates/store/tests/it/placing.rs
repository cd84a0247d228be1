//! Holds placed once for each key, the erasures that have to know of them, and how those ask.

use store::{Accepted, CreateError, Idempotency, NewHold, PlaceError, PlacedHold, SweepConfig};
use testkit::{new_erasure, new_export, organisation, owner, worker};
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::forbidden::refused;
use super::holding::place;
use super::support::{World, policy};

fn new_hold(of: &str) -> NewHold {
    NewHold {
        id: Uuid::now_v7(),
        organisation: organisation(of),
        scope: serde_json::json!({"kind": "collection", "collection": "shop.orders"}),
        sealed: None,
        ground: "legal_claims".to_owned(),
        owner: "legal department".to_owned(),
        review_on: "2027-01-31".parse().unwrap(),
    }
}

fn key(of: &str) -> Idempotency {
    let (client, route) = ("officer-1".to_owned(), "POST /api/v1/privacy/holds".to_owned());
    Idempotency { client, route, key: of.to_owned(), body_sha256: [7; 32], as_received: None }
}

async fn once(world: &World, of: &str, key: &Idempotency) -> Result<PlacedHold, PlaceError> {
    world.api.place_hold_once(&new_hold(of), key, &owner("officer-1")).await
}

async fn told(world: &World) -> usize {
    world.outbox().await.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_with_the_same_key_is_the_same_hold() {
    let world = World::new().await;
    assert_eq!(world.api.placed_before(&organisation("acme"), &key("k")).await.unwrap(), None);
    let first = once(&world, "acme", &key("k")).await.unwrap();
    assert!(!first.replayed);
    let again = once(&world, "acme", &key("k")).await.unwrap();
    assert_eq!((&again.record, again.replayed), (&first.record, true));
    let before = world.api.placed_before(&organisation("acme"), &key("k")).await.unwrap();
    assert_eq!(before, Some(first.record));
    assert_eq!((world.count("SELECT count(*) FROM legal_holds").await, told(&world).await), (1, 1));
    let other = Idempotency { body_sha256: [8; 32], ..key("k") };
    assert!(matches!(once(&world, "acme", &other).await, Err(PlaceError::KeyReused)));
    let looked = world.api.placed_before(&organisation("acme"), &other).await;
    assert!(matches!(looked, Err(PlaceError::KeyReused)));
    // Another key, another caller, another organisation: other requests.
    let caller = Idempotency { client: "officer-2".to_owned(), ..key("k") };
    for (of, key) in [("acme", key("l")), ("acme", caller), ("globex", key("k"))] {
        assert!(!once(&world, of, &key).await.unwrap().replayed);
    }
    assert_eq!(world.count("SELECT count(*) FROM legal_holds").await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_requests_at_once_with_one_key_one_places_the_hold() {
    let world = World::new().await;
    let placing = (0..8).map(|_| {
        let store = world.api.clone();
        tokio::spawn(async move { store.place_hold_once(&new_hold("acme"), &key("k"), &owner("o")).await })
    });
    let mut placed = Vec::new();
    for task in placing.collect::<Vec<_>>() {
        placed.push(task.await.unwrap().unwrap());
    }
    assert_eq!(placed.iter().filter(|placed| !placed.replayed).count(), 1);
    assert!(placed.iter().all(|one| one.record == placed[0].record));
    assert_eq!(world.count("SELECT count(*) FROM legal_holds").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_written_before_they_could_name_holds_still_name_their_jobs() {
    let world = World::new().await;
    let job = world.job("acme").await;
    world.admin.batch_execute("DELETE FROM idempotency_keys").await.unwrap();
    let again = new_export("acme");
    let Idempotency { client, route, key, .. } = again.idempotency.as_ref().unwrap();
    // As the code before wrote them: it knew no other columns.
    let written = "INSERT INTO idempotency_keys (organisation_id, client, route, key, body_sha256, job_id) \
                   VALUES ('acme', $1, $2, $3, $4, $5)";
    let hash = [7_u8; 32].as_slice();
    world.admin.execute(written, &[client, route, key, &hash, &job.0]).await.unwrap();
    assert_eq!(world.api.create_export(&again).await.unwrap(), Accepted::Replayed(job));
    let mut other = again.clone();
    other.idempotency.as_mut().unwrap().body_sha256 = [8; 32];
    assert!(matches!(world.api.create_export(&other).await, Err(CreateError::KeyReused)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_names_one_thing_of_its_own_organisation() {
    let world = World::new().await;
    let (job, hold, theirs) =
        (world.job("acme").await, place(&world, "acme").await, place(&world, "globex").await);
    let names = |job: Option<Uuid>, hold: Option<Uuid>| {
        let id = |id: Option<Uuid>| id.map_or("NULL".to_owned(), |id| format!("'{id}'"));
        format!(
            "INSERT INTO idempotency_keys (organisation_id, client, route, key, body_sha256, job_id, hold_id) \
             VALUES ('acme', 'c', 'r', gen_random_uuid()::text, '', {}, {})",
            id(job),
            id(hold)
        )
    };
    for both in [names(None, None), names(Some(job.0), Some(hold))] {
        assert_eq!(refused(&world.admin, &both).await, SqlState::CHECK_VIOLATION, "{both}");
    }
    let foreign = names(None, Some(theirs));
    assert_eq!(refused(&world.admin, &foreign).await, SqlState::FOREIGN_KEY_VIOLATION);
    world
        .admin
        .batch_execute(&format!("{}; {}", names(Some(job.0), None), names(None, Some(hold))))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_keys_of_holds_are_forgotten_and_their_holds_stay() {
    let world = World::new().await;
    once(&world, "acme", &key("old")).await.unwrap();
    let aged = "UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'";
    world.admin.batch_execute(aged).await.unwrap();
    once(&world, "acme", &key("young")).await.unwrap();
    let swept =
        world.scheduler.sweep(&SweepConfig::default(), &policy(), &worker("scheduler")).await.unwrap();
    assert_eq!(swept.removed, 1);
    assert_eq!(world.count("SELECT count(*) FROM idempotency_keys WHERE key = 'young'").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM legal_holds").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_each_batch_the_holds_in_effect_are_asked_for_in_their_order() {
    let world = World::new().await;
    let ours = organisation("acme");
    world.job("acme").await;
    world.erasure(&new_erasure("acme")).await;
    assert_eq!(world.eraser.active_hold_ids(&ours).await.unwrap(), Vec::<Uuid>::new());
    let holds = [place(&world, "acme").await, place(&world, "acme").await, place(&world, "acme").await];
    place(&world, "globex").await;
    world.api.release_hold(&ours, holds[1], &owner("officer-1")).await.unwrap();
    let ids = world.eraser.active_hold_ids(&ours).await.unwrap();
    assert_eq!(ids, [holds[0], holds[2]]);
    let full = world.eraser.active_holds(&ours).await.unwrap();
    assert_eq!(full.iter().map(|hold| hold.id).collect::<Vec<_>>(), ids);
    let many = "INSERT INTO legal_holds (id, organisation_id, scope, ground, owner, review_on, placed_by, released_at, released_by) \
                SELECT gen_random_uuid(), 'acme', scope, ground, owner, review_on, placed_by, clock_timestamp(), 'x' \
                FROM legal_holds, generate_series(1, 2000) WHERE id = $1";
    world.admin.execute(many, &[&holds[0]]).await.unwrap();
    world.admin.batch_execute("ANALYZE legal_holds").await.unwrap();
    let plan = "EXPLAIN SELECT id FROM legal_holds WHERE organisation_id = 'acme' AND released_at IS NULL \
                ORDER BY placed_at, id";
    let plan = world.admin.query(plan, &[]).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan.join("\n").contains("legal_holds_in_effect"), "{plan:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_is_in_the_way_of_a_hold_as_long_as_a_worker_may_be_at_it() {
    let world = World::new().await;
    let ours = organisation("acme");
    let job = world.erasure(&new_erasure("acme")).await;
    world.job("acme").await;
    let mut dry = new_erasure("globex");
    dry.request.dry_run = true;
    world.erasure(&dry).await;
    let in_state = async |state: &str, age: &str| {
        let ended = matches!(state, "completed" | "failed" | "cancelled" | "expired");
        let (ended, code) = (
            if ended { "clock_timestamp()" } else { "NULL" },
            if state == "failed" { "'x'" } else { "NULL" },
        );
        let put = format!(
            "BEGIN; SET LOCAL session_replication_role = replica; UPDATE privacy_jobs SET state = '{state}', \
             ended_at = {ended}, failure_code = {code}, failure_detail = {code}, \
             updated_at = clock_timestamp() - interval '{age}' WHERE id = '{}'; COMMIT",
            job.0
        );
        world.admin.batch_execute(&put).await.unwrap();
        world.api.erasures_in_the_way(&ours).await.unwrap() == [job]
    };
    for state in ["pending", "running", "retrying", "on_hold", "verifying"] {
        assert!(in_state(state, "1 day").await, "{state}");
    }
    for state in ["failed", "cancelled", "expired"] {
        assert!(in_state(state, "4 minutes").await, "a worker that lost it may be at it: {state}");
        assert!(!in_state(state, "6 minutes").await, "{state}");
    }
    for state in ["scheduled", "awaiting_approval", "completed"] {
        assert!(!in_state(state, "0 minutes").await, "{state}");
    }
    let theirs = world.api.erasures_in_the_way(&organisation("globex")).await.unwrap();
    assert_eq!(theirs, [], "a dry run erases nothing");
}
