//! Time turned into work, by any number of sweepers.

use std::time::Duration;

use domain::audit::Action;
use store::{SweepConfig, Swept};
use testkit::worker;

use super::row_security::foreign_job;
use super::support::{AT_ONCE, World, collections, policy, whole};

async fn sweep(world: &World) -> Swept {
    world.scheduler.sweep(&SweepConfig::default(), &policy(), &worker("scheduler")).await.unwrap()
}

/// Lets everything in a column have happened so much earlier; what is completed stays as it is.
async fn age(world: &World, table: &str, column: &str, by: &str) {
    let which = if table == "job_steps" { "state <> 'completed'" } else { "true" };
    let aged = format!("UPDATE {table} SET {column} = {column} - interval '{by}' WHERE {which}");
    world.admin.batch_execute(&aged).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_nothing_to_do_when_all_is_well() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, 2)).await;
    world.claim(job, 2).await;
    world.deliver_audit().await;
    assert_eq!(sweep(&world).await, Swept::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lapsed_lease_becomes_an_attempt_and_an_announcement() {
    let world = World::new().await;
    let job = world.planned("acme", vec![whole(1)]).await;
    world.claim(job, 2).await;
    world.lapse(job, 2).await;
    assert_eq!(sweep(&world).await, Swept { lapsed: 1, ..Swept::default() });
    let step = world.step(job, 2).await;
    assert_eq!((step.state.as_str(), step.attempts, step.epoch), ("due", 1, 1));
    assert_eq!(step.failure_code.as_deref(), Some("worker_lost"));
    assert_eq!(world.job_facts(job).await.state, "retrying");
    assert_eq!(world.history(job).await.last(), Some(&Action::StepRetrying));
    age(&world, "job_steps", "announced_at", "2 seconds").await;
    world.make_due(job, 2).await;
    assert_eq!(sweep(&world).await, Swept { announced: 1, ..Swept::default() });
    assert_eq!(world.announced(job).await[&2], 2);
    world.complete(job, 2).await;
    assert_eq!(world.job_facts(job).await.state, "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_kills_its_workers_does_not_run_for_ever() {
    let world = World::new().await;
    let job = world.planned("acme", vec![whole(1)]).await;
    for _ in 0..2 {
        world.claim(job, 2).await;
        world.lapse(job, 2).await;
        sweep(&world).await;
        world.make_due(job, 2).await;
    }
    world.claim(job, 2).await;
    world.lapse(job, 2).await;
    sweep(&world).await;
    let facts = world.job_facts(job).await;
    assert_eq!((facts.state.as_str(), facts.failure_code.as_deref()), ("failed", Some("worker_lost")));
    assert!(world.history(job).await.ends_with(&[Action::StepFailed, Action::JobFailed]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_due_step_is_announced_again_only_after_the_interval() {
    let world = World::new().await;
    let job = world.job("acme").await;
    assert_eq!(sweep(&world).await.announced, 0);
    age(&world, "job_steps", "announced_at", "29 seconds").await;
    world.make_due(job, 1).await;
    age(&world, "job_steps", "not_before", "60 seconds").await;
    assert_eq!(sweep(&world).await.announced, 0);
    age(&world, "job_steps", "announced_at", "2 seconds").await;
    assert_eq!(sweep(&world).await.announced, 1);
    assert_eq!(sweep(&world).await.announced, 0, "the interval begins anew");
    let outbox = world.outbox().await;
    let due: Vec<_> = outbox.iter().filter(|sent| sent.step_due().is_some()).collect();
    assert_eq!(due.len(), 2);
    assert_ne!(due[0].event_id, due[1].event_id);
    assert_eq!(due[0].headers, due[1].headers, "it stays in the trace of the request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_was_never_announced_is() {
    let world = World::new().await;
    world.job("acme").await;
    world
        .admin
        .batch_execute("UPDATE job_steps SET announced_at = NULL; DELETE FROM outbox WHERE kind = 'step.due'")
        .await
        .unwrap();
    assert_eq!(sweep(&world).await.announced, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_event_that_was_lost_is_published_again_until_it_is_in_the_log() {
    let world = World::new().await;
    world.job("acme").await;
    world.admin.batch_execute("UPDATE outbox SET published_at = clock_timestamp()").await.unwrap();
    assert_eq!(sweep(&world).await.audit_again, 0, "it may still be under way");
    age(&world, "outbox", "published_at", "3 minutes").await;
    assert_eq!(sweep(&world).await.audit_again, 1, "the announcement is not among them");
    let unpublished = "SELECT count(*) FROM outbox WHERE published_at IS NULL";
    assert_eq!(world.count(unpublished).await, 1);
    world.deliver_audit().await;
    age(&world, "outbox", "published_at", "3 minutes").await;
    assert_eq!(sweep(&world).await.audit_again, 0);
    assert_eq!(world.count("SELECT count(*) FROM audit_logs").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn cleaning_keeps_what_is_not_published_not_logged_or_not_old() {
    let world = World::new().await;
    let job = world.job("acme").await;
    world.deliver_audit().await;
    world
        .api
        .record_access((&testkit::organisation("acme"), job), Action::LinkIssued, &testkit::owner("o"))
        .await
        .unwrap();
    world
        .admin
        .batch_execute("UPDATE outbox SET published_at = clock_timestamp() WHERE published_at IS NULL")
        .await
        .unwrap();
    assert_eq!(sweep(&world).await.removed, 0, "nothing is old");

    age(&world, "outbox", "published_at", "8 days").await;
    world
        .api
        .record_access((&testkit::organisation("acme"), job), Action::LinkIssued, &testkit::owner("o"))
        .await
        .unwrap();
    let config =
        SweepConfig { audit_again_after: Duration::from_secs(30 * 24 * 3600), ..SweepConfig::default() };
    let swept = world.scheduler.sweep(&config, &policy(), &worker("scheduler")).await.unwrap();
    assert_eq!(swept.removed, 2, "the logged event and the announcement");
    let left: Vec<(Option<Action>, bool)> = world
        .outbox()
        .await
        .iter()
        .map(|sent| (sent.audit().map(|event| event.body.action), sent.published))
        .collect();
    let expected = [(Some(Action::LinkIssued), true), (Some(Action::LinkIssued), false)];
    assert_eq!(left, expected, "not logged, though old; and not published");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_keys_are_forgotten_and_young_ones_kept() {
    let world = World::new().await;
    world.job("acme").await;
    age(&world, "idempotency_keys", "created_at", "25 hours").await;
    world.job("globex").await;
    assert_eq!(sweep(&world).await.removed, 1);
    assert_eq!(
        world.count("SELECT count(*) FROM idempotency_keys WHERE organisation_id = 'globex'").await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_a_kind_from_the_future_is_left_alone_and_holds_nobody_up() {
    let world = World::new().await;
    let foreign = foreign_job(&world).await;
    let held = "UPDATE job_steps SET state = 'running', epoch = 1, lease_owner = 'w', lease_expires_at = now() - interval '1 day'";
    let waiting = "INSERT INTO job_steps (job_id, step_no, organisation_id, phase, kind, state, not_before) \
                   SELECT job_id, 2, organisation_id, 0, kind, 'due', now() - interval '1 day' FROM job_steps";
    world.admin.batch_execute(&format!("{held}; {waiting}")).await.unwrap();
    let ours = world.planned("acme", collections(1, 2)).await;
    world.claim(ours, 2).await;
    world.lapse(ours, 2).await;
    world
        .admin
        .execute("UPDATE job_steps SET announced_at = NULL WHERE job_id = $1 AND step_no = 3", &[&ours.0])
        .await
        .unwrap();
    assert_eq!(sweep(&world).await, Swept { lapsed: 1, announced: 1, ..Swept::default() });
    assert_eq!(world.states(foreign).await, ["running", "due"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_holds_nobody_up() {
    let world = World::new().await;
    let broken = world.planned("acme", collections(1, 1)).await;
    let ours = world.planned("globex", collections(1, 1)).await;
    for job in [broken, ours] {
        world.claim(job, 2).await;
        world.lapse(job, 2).await;
    }
    // As a replica, triggers are asleep; for this transaction only.
    let script = format!(
        "BEGIN; SET LOCAL session_replication_role = replica; \
         UPDATE privacy_jobs SET state = 'strange' WHERE id = '{broken}'; COMMIT"
    );
    world.admin.batch_execute(&script).await.unwrap();
    assert_eq!(sweep(&world).await.lapsed, 1);
    assert_eq!(world.step(ours, 2).await.state, "due");
    assert_eq!(world.step(broken, 2).await.state, "running");
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_that_the_database_does_not_let_lapse_hold_nobody_up() {
    // More than are settled in one sweep, and all of them before the one that can be.
    const BROKEN: usize = 110;
    let world = World::new().await;
    let broken = world.planned("acme", collections(1, BROKEN)).await;
    let ours = world.planned("globex", collections(1, 1)).await;
    for step in (2..).take(BROKEN) {
        world.claim(broken, step).await;
    }
    world.claim(ours, 2).await;
    let lapsed = format!(
        "UPDATE job_steps SET lease_expires_at = clock_timestamp() - interval '1 hour' WHERE job_id = '{broken}' AND state = 'running'; \
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$; \
         CREATE TRIGGER refuse BEFORE UPDATE ON job_steps FOR EACH ROW WHEN (NEW.job_id = '{broken}') EXECUTE FUNCTION refuse()"
    );
    world.admin.batch_execute(&lapsed).await.unwrap();
    world.lapse(ours, 2).await;
    let swept = sweep(&world).await;
    assert_eq!((swept.lapsed, swept.stuck), (1, BROKEN));
    assert_eq!(world.step(ours, 2).await.state, "due");
    world.admin.batch_execute("DROP TRIGGER refuse ON job_steps").await.unwrap();
    assert_eq!(sweep(&world).await.lapsed, 100);
    assert_eq!(sweep(&world).await.lapsed, BROKEN - 100);
}

/// However many jobs somebody keeps locked, and however many of their steps have lost their workers.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_somebody_keeps_locked_hold_nobody_up() {
    const LOCKED: usize = 8;
    let world = World::new().await;
    for number in 0..LOCKED {
        let job = world.planned(&format!("acme-{number}"), collections(1, 2)).await;
        world.claim(job, 2).await;
        world.claim(job, 3).await;
    }
    let long_ago = "UPDATE job_steps SET lease_expires_at = clock_timestamp() - interval '1 hour' WHERE state = 'running'";
    world.admin.batch_execute(long_ago).await.unwrap();
    let ours = world.planned("globex", collections(1, 1)).await;
    world.claim(ours, 2).await;
    world.lapse(ours, 2).await;
    let locking = world.db.client().await;
    let lock = "BEGIN; SELECT FROM privacy_jobs WHERE organisation_id LIKE 'acme-%' FOR UPDATE";
    locking.batch_execute(lock).await.unwrap();
    let swept = tokio::time::timeout(AT_ONCE, sweep(&world)).await.expect("it waits for all of them once");
    assert_eq!((swept.lapsed, swept.stuck), (1, 2 * LOCKED));
    assert_eq!(world.step(ours, 2).await.state, "due");
    locking.batch_execute("COMMIT").await.unwrap();
    assert_eq!(sweep(&world).await.lapsed, 2 * LOCKED, "and the next sweep settles them");
}

/// An API of an earlier version keeps more of what its callers send.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_callers_trace_only_the_number_goes_on() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, 2)).await;
    world.claim(job, 2).await;
    world.lapse(job, 2).await;
    let waiting = world.erasure(&testkit::new_erasure("acme")).await;
    let before = world.outbox().await.len();
    // As a replica, triggers are asleep; for this transaction only.
    let script = format!(
        "BEGIN; SET LOCAL session_replication_role = replica; \
         UPDATE privacy_jobs SET trace_headers = trace_headers || '{{\"tracestate\": \"vendor=jane.doe\"}}'; \
         UPDATE privacy_jobs SET not_before = clock_timestamp() - interval '1 day' WHERE id = '{waiting}'; \
         UPDATE job_steps SET announced_at = NULL WHERE job_id = '{job}' AND step_no = 3; COMMIT"
    );
    world.admin.batch_execute(&script).await.unwrap();
    assert_eq!(sweep(&world).await, Swept { lapsed: 1, announced: 1, ..Swept::default() });
    let ended = world.scheduler.release_scheduled(chrono::Utc::now(), &worker("scheduler")).await.unwrap();
    assert_eq!(ended, 1);
    let sent = world.outbox().await;
    assert!(sent.len() >= before + 4, "a lapse, two announcements and an end of a grace period");
    for sent in &sent[before..] {
        assert_eq!(sent.headers.keys().collect::<Vec<_>>(), ["traceparent"], "{}", sent.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_sweep_that_fails_keeps_no_other_waiting() {
    let world = World::new().await;
    world.job("acme").await;
    let script = "UPDATE outbox SET published_at = now() - interval '3 minutes'; \
                  UPDATE job_steps SET announced_at = NULL; REVOKE UPDATE (announced_at) ON job_steps FROM lethe_scheduler";
    world.admin.batch_execute(script).await.unwrap();
    assert_eq!(sweep(&world).await, Swept { audit_again: 1, ..Swept::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_never_comes_into_the_log_is_published_again_ever_more_seldom() {
    let world = World::new().await;
    world.job("acme").await;
    let published = "UPDATE outbox SET published_at = clock_timestamp() - make_interval(mins => $1::int)";
    let mut again = Vec::new();
    for minutes in [1, 3, 3, 5, 5, 9, 9, 17, 17, 33, 33, 65, 65, 65] {
        world.admin.execute(published, &[&minutes]).await.unwrap();
        again.push(sweep(&world).await.audit_again);
    }
    assert_eq!(again, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1], "never more seldom than 32 times");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_never_come_into_the_log_take_no_lost_ones_place() {
    let world = World::new().await;
    let never = "INSERT INTO outbox (event_id, kind, routing_key, body, published_at) \
                 SELECT gen_random_uuid(), 'audit.event', 'audit.event', '', now() - interval '10 minutes' \
                 FROM generate_series(1, 150)";
    world.admin.batch_execute(never).await.unwrap();
    world.job("acme").await;
    let lost = "UPDATE outbox SET published_at = now() - interval '5 minutes' WHERE published_at IS NULL";
    world.admin.batch_execute(lost).await.unwrap();
    let ours = "SELECT count(*) FROM outbox WHERE job_id IS NOT NULL AND kind = 'audit.event' AND published_again = 1";
    for (again, found) in [(100, 0), (51, 1)] {
        assert_eq!(sweep(&world).await.audit_again, again);
        assert_eq!(world.count(ours).await, found);
        let sent = "UPDATE outbox SET published_at = now() - interval '3 minutes' WHERE published_at IS NULL";
        world.admin.batch_execute(sent).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_sweepers_at_once_settle_each_finding_once() {
    const STEPS: i32 = 30;
    let world = World::new().await;
    let job = world.planned("acme", collections(1, 2 * 30)).await;
    for step in 2..2 + STEPS {
        world.claim(job, step).await;
        world.lapse(job, step).await;
    }
    age(&world, "job_steps", "announced_at", "1 hour").await;
    let sweepers = (0..6).map(|_| {
        let store = world.db.store_as("lethe_scheduler");
        tokio::spawn(async move {
            store.sweep(&SweepConfig::default(), &policy(), &worker("scheduler")).await.unwrap()
        })
    });
    let mut total = Swept::default();
    for task in sweepers.collect::<Vec<_>>() {
        let swept = task.await.unwrap();
        total.lapsed += swept.lapsed;
        total.announced += swept.announced;
    }
    assert_eq!((total.lapsed, total.announced), (30, 30));
    let announced = world.announced(job).await;
    assert!((2..2 + STEPS).all(|step| announced[&step] == 1), "those that back off wait");
    assert!(
        (2 + STEPS..2 + 2 * STEPS).all(|step| announced[&step] == 2),
        "those that are due were announced again"
    );
    assert_eq!(world.history(job).await.iter().filter(|action| **action == Action::StepRetrying).count(), 30);
}
