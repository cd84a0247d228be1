//! The audit log: gapless, each event once, whatever arrives and however often.

use chrono::{DateTime, Utc};
use contracts::{AuditEvent, Envelope, encode};
use domain::audit::{Action, Outcome};
use domain::id::JobId;
use store::{Appended, AuditFilter};
use testkit::organisation;
use uuid::Uuid;

use super::support::World;

fn event(job: Option<(JobId, i64)>, actor: &str) -> AuditEvent {
    AuditEvent {
        organisation_id: organisation("acme"),
        actor: actor.to_owned(),
        actor_role: "owner".to_owned(),
        action: Action::StepCompleted,
        outcome: Outcome::Success,
        job_id: job.map(|(job, _)| job),
        job_version: job.map(|(_, version)| version),
        step_no: None,
        occurred_at: "2026-11-21T12:00:00Z".parse::<DateTime<Utc>>().unwrap(),
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
        reason: None,
        hold_id: None,
        rows: None,
        media: None,
        job_outcome: None,
        about: None,
    }
}

/// An event about a version of a job.
fn version(job: JobId, version: i64) -> AuditEvent {
    event(Some((job, version)), "owner-1")
}

/// The id that an event about a version of a job has.
fn id_of(job: JobId, version: i64) -> Uuid {
    Uuid::new_v5(&job.0, format!("audit:{version}").as_bytes())
}

/// The bytes of an event, as the outbox holds and the broker carries them.
fn body(id: Uuid, event: AuditEvent) -> Vec<u8> {
    encode(&Envelope::new(id, event.occurred_at, event)).unwrap()
}

/// Lets events have been decided: each has its row in the outbox. Without job and version, which rows of
/// services have, so that there may be contradictory ones.
async fn decide(world: &World, events: impl IntoIterator<Item = (Uuid, AuditEvent)>) -> Vec<Uuid> {
    let (ids, bodies): (Vec<Uuid>, Vec<Vec<u8>>) =
        events.into_iter().map(|(id, event)| (id, body(id, event))).unzip();
    let insert = "INSERT INTO outbox (event_id, kind, routing_key, body, published_at) \
                  SELECT id, 'audit.event', 'audit.event', body, now() FROM unnest($1::uuid[], $2::bytea[]) e (id, body)";
    world.admin.execute(insert, &[&ids, &bodies]).await.unwrap();
    ids
}

/// Lets the events of these versions of a job have been decided.
async fn decide_versions(world: &World, versions: impl IntoIterator<Item = (JobId, i64)>) -> Vec<Uuid> {
    let events = versions.into_iter().map(|(job, number)| (id_of(job, number), version(job, number)));
    decide(world, events.collect::<Vec<_>>()).await
}

fn job() -> JobId {
    JobId(Uuid::now_v7())
}

/// The log's numbers, after checking that they are 1 to n without a gap and n is the head's.
async fn size(world: &World) -> i64 {
    let row = world
        .admin
        .query_one("SELECT count(*), coalesce(min(seq), 1), coalesce(max(seq), 0), (SELECT size FROM audit_head) FROM audit_logs", &[])
        .await
        .unwrap();
    let (count, min, max, head): (i64, i64, i64, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
    assert_eq!((min, max, head), (1, count, count), "1 to n without a gap");
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_kept_as_it_was_decided() {
    let world = World::new().await;
    let job = job();
    let id = id_of(job, 1);
    decide(&world, [(id, version(job, 1))]).await;
    assert_eq!(world.audit.append_audit(&[id]).await.unwrap(), [Appended::As(1)]);
    let row = world
        .admin
        .query_one("SELECT event_id, body, actor, action, job_version FROM audit_logs", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, Uuid>(0), id);
    assert_eq!(row.get::<_, Vec<u8>>(1), body(id, version(job, 1)));
    assert_eq!((row.get(2), row.get(3), row.get(4)), ("owner-1", "step.completed", 1_i64));
    let entries = world
        .api
        .audit_entries(&organisation("acme"), &AuditFilter { limit: 10, ..Default::default() })
        .await
        .unwrap();
    assert_eq!((entries[0].seq, entries[0].job_id), (1, Some(job.0)));
    assert_eq!(entries[0].trace_id.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_decided_does_not_come_into_the_log() {
    let world = World::new().await;
    let job = job();
    let [first, second] = decide_versions(&world, [(job, 1), (job, 2)]).await[..] else { unreachable!() };
    let announcement = Uuid::now_v7();
    let insert =
        "INSERT INTO outbox (event_id, kind, routing_key, body) VALUES ($1, 'step.due', 'step.export', $2)";
    let due = body(announcement, version(job, 3));
    world.admin.execute(insert, &[&announcement, &due]).await.unwrap();
    let verdicts = world.audit.append_audit(&[first, Uuid::new_v4(), announcement, second]).await.unwrap();
    assert_eq!(verdicts, [Appended::As(1), Appended::Unknown, Appended::Unknown, Appended::As(2)]);
    assert_eq!(size(&world).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn repetitions_are_known_within_a_batch_and_across_batches() {
    let world = World::new().await;
    let (a, b) = (job(), job());
    let [a1, b1, a2] = decide_versions(&world, [(a, 1), (b, 1), (a, 2)]).await[..] else { unreachable!() };
    let verdicts = world.audit.append_audit(&[a1, a1, b1, a1]).await.unwrap();
    assert_eq!(verdicts, [Appended::As(1), Appended::Before, Appended::As(2), Appended::Before]);
    let verdicts = world.audit.append_audit(&[b1, a2, a1]).await.unwrap();
    assert_eq!(verdicts, [Appended::Before, Appended::As(3), Appended::Before]);
    // Its row has left the outbox meanwhile.
    world.admin.execute("DELETE FROM outbox WHERE event_id = $1", &[&a1]).await.unwrap();
    assert_eq!(world.audit.append_audit(&[a1]).await.unwrap(), [Appended::Before]);
    assert_eq!(world.audit.append_audit(&[]).await.unwrap(), []);
    assert_eq!(size(&world).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_without_a_version_are_told_apart_by_their_ids() {
    let world = World::new().await;
    let job = job();
    let access = || {
        let mut access = event(Some((job, 1)), "owner-1");
        access.job_version = None;
        access
    };
    let events = [(Uuid::now_v7(), access()), (Uuid::now_v7(), access())];
    let [once, twice] = decide(&world, events).await[..] else { unreachable!() };
    let verdicts = world.audit.append_audit(&[once, twice, once]).await.unwrap();
    assert_eq!(verdicts, [Appended::As(1), Appended::As(2), Appended::Before]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contradiction_is_set_aside_and_spoils_nothing() {
    let world = World::new().await;
    let job = job();
    let honest = decide_versions(&world, [(job, 1), (job, 2), (job, 3)]).await;
    let same_version = Uuid::new_v4();
    decide(&world, [(same_version, event(Some((job, 1)), "somebody else"))]).await;
    let verdicts = world.audit.append_audit(&[honest[0], same_version, honest[1]]).await.unwrap();
    assert_eq!(verdicts, [Appended::As(1), Appended::Conflict, Appended::As(2)]);
    let other = body(honest[1], event(Some((job, 2)), "somebody else"));
    let rewrite = "UPDATE outbox SET body = $2 WHERE event_id = $1";
    world.admin.execute(rewrite, &[&honest[1], &other]).await.unwrap();
    let verdicts = world.audit.append_audit(&[same_version, honest[1], honest[0], honest[2]]).await.unwrap();
    assert_eq!(verdicts, [Appended::Conflict, Appended::Conflict, Appended::Before, Appended::As(3)]);
    assert_eq!(size(&world).await, 3);
    assert_eq!(world.count("SELECT count(*) FROM audit_logs WHERE actor <> 'owner-1'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_newer_program_waits_for_a_reader_and_holds_nobody_up() {
    let world = World::new().await;
    let job = job();
    let honest = decide_versions(&world, [(job, 1), (job, 2)]).await;
    // The name of its action is one that no program of today writes.
    let found = "SELECT body FROM outbox WHERE event_id = $1";
    let before: Vec<u8> = world.admin.query_one(found, &[&honest[0]]).await.unwrap().get(0);
    let name = b"completed";
    let at = before.windows(name.len()).position(|window| window == name).unwrap();
    let mut after = before.clone();
    after[at] = b'k';
    let write = "UPDATE outbox SET body = $2 WHERE event_id = $1";
    world.admin.execute(write, &[&honest[0], &after]).await.unwrap();
    let verdicts = world.audit.append_audit(&honest).await.unwrap();
    assert!(matches!(verdicts[..], [Appended::Unreadable(_), Appended::As(1)]), "{verdicts:?}");
    world.admin.execute(write, &[&honest[0], &before]).await.unwrap();
    assert_eq!(world.audit.append_audit(&honest).await.unwrap(), [Appended::As(2), Appended::Before]);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_different_jobs_do_not_contradict_each_other() {
    let world = World::new().await;
    let (a, b) = (job(), job());
    let first = decide_versions(&world, [(a, 1), (b, 2)]).await;
    world.audit.append_audit(&first).await.unwrap();
    // Job and version of these are known, but not of the same event.
    let second = decide_versions(&world, [(a, 2), (b, 1)]).await;
    let verdicts = world.audit.append_audit(&second).await.unwrap();
    assert_eq!(verdicts, [Appended::As(3), Appended::As(4)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_fails_leaves_no_gap() {
    let world = World::new().await;
    let job = job();
    let honest = decide_versions(&world, [(job, 1), (job, 2), (job, 3)]).await;
    world.audit.append_audit(&honest[..1]).await.unwrap();
    // PostgreSQL stores no NUL in text.
    let impossible = decide(&world, [(Uuid::new_v4(), event(None, "nul\0"))]).await[0];
    let error = world.audit.append_audit(&[honest[1], impossible, honest[2]]).await.unwrap_err();
    assert!(!error.is_retryable(), "{error:?}");
    assert_eq!(size(&world).await, 1);
    let verdicts = world.audit.append_audit(&honest[1..]).await.unwrap();
    assert_eq!(verdicts, [Appended::As(2), Appended::As(3)]);
    assert_eq!(size(&world).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_may_be_larger_than_a_statement() {
    let world = World::new().await;
    let job = job();
    let batch = decide_versions(&world, (1..=2_500).map(|number| (job, number))).await;
    let verdicts = world.audit.append_audit(&batch).await.unwrap();
    assert_eq!(verdicts.last(), Some(&Appended::As(2_500)));
    assert!(
        world.audit.append_audit(&batch).await.unwrap().iter().all(|verdict| *verdict == Appended::Before)
    );
    assert_eq!(size(&world).await, 2_500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_with_the_same_events_append_each_once() {
    const EVENTS: i64 = 120;
    let world = World::new().await;
    let job = job();
    let events = decide_versions(&world, (1..=EVENTS).map(|number| (job, number))).await;
    let writers: Vec<_> = (0..8)
        .map(|writer: usize| {
            let store = world.db.store_as("lethe_audit");
            let mut events = events.clone();
            tokio::spawn(async move {
                let mut appended = 0;
                // Every writer has every event, in an order and in batches of its own.
                events.rotate_left(writer * 15);
                for batch in events.chunks(7 + writer) {
                    for verdict in store.append_audit(batch).await.unwrap() {
                        match verdict {
                            Appended::As(_) => appended += 1,
                            Appended::Before => {}
                            other => panic!("nothing contradicts anything: {other:?}"),
                        }
                    }
                }
                appended
            })
        })
        .collect();
    let mut appended = 0;
    for writer in writers {
        appended += writer.await.unwrap();
    }
    assert_eq!(appended, EVENTS);
    assert_eq!(size(&world).await, EVENTS);
    assert_eq!(world.count("SELECT count(DISTINCT job_version) FROM audit_logs").await, EVENTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_log_is_the_organisations_and_newest_first() {
    let world = World::new().await;
    let (ours, theirs) = (job(), job());
    let mut batch = Vec::new();
    for number in 1..=5 {
        let foreign = AuditEvent { organisation_id: organisation("globex"), ..version(theirs, number) };
        batch.extend([(id_of(ours, number), version(ours, number)), (id_of(theirs, number), foreign)]);
    }
    let batch = decide(&world, batch).await;
    world.audit.append_audit(&batch).await.unwrap();
    let acme = organisation("acme");
    let page = async |filter: AuditFilter| -> Vec<i64> {
        world.api.audit_entries(&acme, &filter).await.unwrap().iter().map(|entry| entry.seq).collect()
    };
    let filter = AuditFilter { limit: 3, ..AuditFilter::default() };
    assert_eq!(page(filter.clone()).await, [9, 7, 5]);
    assert_eq!(page(AuditFilter { before: Some(5), ..filter.clone() }).await, [3, 1]);
    assert_eq!(page(AuditFilter { job: Some(ours.0), ..filter.clone() }).await.len(), 3);
    assert_eq!(page(AuditFilter { job: Some(theirs.0), ..filter.clone() }).await, [0_i64; 0]);
    assert_eq!(page(AuditFilter { action: Some("job.created".to_owned()), ..filter }).await, [0_i64; 0]);
}
