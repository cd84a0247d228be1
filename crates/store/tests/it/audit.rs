//! The audit log: gapless, each event once, whatever arrives and however often.

use chrono::{DateTime, Utc};
use contracts::{AuditEvent, Envelope, encode};
use domain::audit::{Action, Outcome};
use domain::id::JobId;
use store::{Appended, AuditFilter, IncomingEvent};
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

fn incoming(id: Uuid, event: AuditEvent) -> IncomingEvent {
    let envelope = Envelope::new(id, event.occurred_at, event);
    IncomingEvent { body: encode(&envelope).unwrap(), envelope }
}

/// An event about a version of a job, with the id that follows from it.
fn version(job: JobId, version: i64) -> IncomingEvent {
    let id = Uuid::new_v5(&job.0, format!("audit:{version}").as_bytes());
    incoming(id, event(Some((job, version)), "owner-1"))
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
async fn an_event_is_kept_as_it_came() {
    let world = World::new().await;
    let job = job();
    let incoming = version(job, 1);
    assert_eq!(world.audit.append_audit(std::slice::from_ref(&incoming)).await.unwrap(), [Appended::As(1)]);
    let row = world
        .admin
        .query_one("SELECT event_id, body, actor, action, job_version FROM audit_logs", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, Uuid>(0), incoming.envelope.id);
    assert_eq!(row.get::<_, Vec<u8>>(1), incoming.body);
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
async fn repetitions_are_known_within_a_batch_and_across_batches() {
    let world = World::new().await;
    let (a, b) = (job(), job());
    let first = [version(a, 1), version(a, 1), version(b, 1), version(a, 1)];
    let verdicts = world.audit.append_audit(&first).await.unwrap();
    assert_eq!(verdicts, [Appended::As(1), Appended::Before, Appended::As(2), Appended::Before]);
    let second = [version(b, 1), version(a, 2), version(a, 1)];
    let verdicts = world.audit.append_audit(&second).await.unwrap();
    assert_eq!(verdicts, [Appended::Before, Appended::As(3), Appended::Before]);
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
    let (once, twice) = (incoming(Uuid::now_v7(), access()), incoming(Uuid::now_v7(), access()));
    let verdicts = world.audit.append_audit(&[once.clone(), twice, once]).await.unwrap();
    assert_eq!(verdicts, [Appended::As(1), Appended::As(2), Appended::Before]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contradiction_is_set_aside_and_spoils_nothing() {
    let world = World::new().await;
    let job = job();
    let honest = version(job, 1);
    let same_id = incoming(honest.envelope.id, event(Some((job, 1)), "somebody else"));
    let same_version = incoming(Uuid::new_v4(), event(Some((job, 1)), "owner-1"));
    let batch = [honest.clone(), same_id.clone(), same_version.clone(), version(job, 2)];
    let verdicts = world.audit.append_audit(&batch).await.unwrap();
    assert_eq!(verdicts, [Appended::As(1), Appended::Conflict, Appended::Conflict, Appended::As(2)]);
    let verdicts = world.audit.append_audit(&[same_version, same_id, honest, version(job, 3)]).await.unwrap();
    assert_eq!(verdicts, [Appended::Conflict, Appended::Conflict, Appended::Before, Appended::As(3)]);
    assert_eq!(size(&world).await, 3);
    assert_eq!(world.count("SELECT count(*) FROM audit_logs WHERE actor <> 'owner-1'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_different_jobs_do_not_contradict_each_other() {
    let world = World::new().await;
    let (a, b) = (job(), job());
    world.audit.append_audit(&[version(a, 1), version(b, 2)]).await.unwrap();
    // Job and version of these are known, but not of the same event.
    let verdicts = world.audit.append_audit(&[version(a, 2), version(b, 1)]).await.unwrap();
    assert_eq!(verdicts, [Appended::As(3), Appended::As(4)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_fails_leaves_no_gap() {
    let world = World::new().await;
    let job = job();
    world.audit.append_audit(&[version(job, 1)]).await.unwrap();
    // PostgreSQL stores no NUL in text.
    let impossible = incoming(Uuid::new_v4(), event(None, "nul\0"));
    let error = world.audit.append_audit(&[version(job, 2), impossible, version(job, 3)]).await.unwrap_err();
    assert!(!error.is_retryable(), "{error:?}");
    assert_eq!(size(&world).await, 1);
    let verdicts = world.audit.append_audit(&[version(job, 2), version(job, 3)]).await.unwrap();
    assert_eq!(verdicts, [Appended::As(2), Appended::As(3)]);
    assert_eq!(size(&world).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_may_be_larger_than_a_statement() {
    let world = World::new().await;
    let job = job();
    let batch: Vec<IncomingEvent> = (1..=2_500).map(|number| version(job, number)).collect();
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
    let writers: Vec<_> = (0..8)
        .map(|writer: i64| {
            let store = world.db.store_as("lethe_audit");
            tokio::spawn(async move {
                let mut appended = 0;
                // Every writer has every event, in an order and in batches of its own.
                let mut versions: Vec<i64> = (1..=EVENTS).collect();
                versions.rotate_left(usize::try_from(writer * 15).unwrap());
                for batch in versions.chunks(7 + usize::try_from(writer).unwrap()) {
                    let batch: Vec<IncomingEvent> =
                        batch.iter().map(|number| version(job, *number)).collect();
                    for verdict in store.append_audit(&batch).await.unwrap() {
                        match verdict {
                            Appended::As(_) => appended += 1,
                            Appended::Before => {}
                            Appended::Conflict => panic!("nothing contradicts anything"),
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
    let foreign = |number| {
        let mut foreign = version(theirs, number);
        foreign.envelope.body.organisation_id = organisation("globex");
        foreign
    };
    let mut batch = Vec::new();
    for number in 1..=5 {
        batch.extend([version(ours, number), foreign(number)]);
    }
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
