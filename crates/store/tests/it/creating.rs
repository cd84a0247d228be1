//! Accepting requests: once per key, once per open equal, everything in one transaction.

use std::collections::BTreeSet;

use contracts::{AuditEvent, Envelope, StepDue};
use domain::audit::{Action, Outcome};
use domain::export::ExportFormat;
use domain::id::{JobId, StepNo};
use store::{Accepted, CreateError, NewExport};
use testkit::{new_export, organisation, owner};
use uuid::Uuid;

use super::support::{World, whole};

fn created(accepted: Result<Accepted, CreateError>) -> JobId {
    match accepted.unwrap() {
        Accepted::Created(job) => job,
        Accepted::Replayed(job) => panic!("{job} is not new"),
    }
}

async fn equal_open(world: &World, new: &NewExport) -> JobId {
    match world.api.create_export(new).await {
        Err(CreateError::EqualOpen(job)) => job,
        other => panic!("an equal job is open: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn job_step_audit_event_and_announcement_are_written_together() {
    let world = World::new().await;
    let new = new_export("acme");
    let job = created(world.api.create_export(&new).await);

    let facts = world.job_facts(job).await;
    assert_eq!((facts.state.as_str(), facts.version, facts.cutoff), ("pending", 1, None));
    let steps = world.steps(job).await;
    assert_eq!(steps.len(), 1);
    assert_eq!(
        (steps[0].state.as_str(), steps[0].phase, steps[0].attempts, steps[0].epoch),
        ("due", 0, 0, 0)
    );
    assert_eq!(steps[0].announced_at, steps[0].not_before, "the sweeper has no reason to announce it again");

    let outbox = world.outbox().await;
    assert_eq!(outbox.len(), 2);
    let (audit, due) = (&outbox[0], &outbox[1]);
    let event: Envelope<AuditEvent> = audit.audit().unwrap();
    assert_eq!(audit.routing_key, "audit.event");
    assert_eq!((event.id, event.kind.as_str(), event.version), (audit.event_id, "audit.event", 2));
    assert_eq!(event.id, Uuid::new_v5(&job.0, b"audit:1"), "its id follows from job and version");
    assert_eq!(event.body.organisation_id, new.organisation);
    assert_eq!((event.body.actor.as_str(), event.body.actor_role.as_str()), ("owner-1", "owner"));
    assert_eq!((event.body.action, event.body.outcome), (Action::JobCreated, Outcome::Success));
    assert_eq!((event.body.job_id, event.body.job_version, event.body.step_no), (Some(job), Some(1), None));
    assert_eq!(event.body.trace_id, new.origin.trace_id());
    assert!(event.body.trace_id.is_some());

    let announced: Envelope<StepDue> = due.step_due().unwrap();
    assert_eq!(due.routing_key, "step.export");
    assert_eq!(announced.id, due.event_id);
    assert_eq!(announced.body, StepDue { job_id: job, step_no: StepNo(1) });
    assert!(outbox.iter().all(|sent| sent.headers == new.origin.headers && !sent.published));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_holds_no_personal_data() {
    const CANARIES: [&str; 3] = ["jane.doe@example.org", "Jane Doe", "+44 20 7946 0000"];
    let world = World::new().await;
    let mut new = new_export("acme");
    new.idempotency.as_mut().unwrap().key = CANARIES.join(" ");
    new.idempotency.as_mut().unwrap().client = CANARIES[0].to_owned();
    created(world.api.create_export(&new).await);
    for sent in world.outbox().await {
        let text = format!("{} {:?}", String::from_utf8_lossy(&sent.body), sent.headers);
        assert!(CANARIES.iter().all(|canary| !text.contains(canary)), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_makes_the_same_job() {
    let world = World::new().await;
    let new = new_export("acme");
    let job = created(world.api.create_export(&new).await);
    assert_eq!(world.api.create_export(&new).await.unwrap(), Accepted::Replayed(job));
    // Also when the job has ended long since.
    world.api.cancel_job(&new.organisation, job, &new.origin).await.unwrap();
    assert_eq!(world.api.create_export(&new).await.unwrap(), Accepted::Replayed(job));
    assert_eq!(world.count("SELECT count(*) FROM privacy_jobs").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_its_body_its_client_and_its_route() {
    let world = World::new().await;
    let mut new = new_export("acme");
    let job = created(world.api.create_export(&new).await);
    new.idempotency.as_mut().unwrap().body_sha256 = [8; 32];
    let reused = world.api.create_export(&new).await;
    assert!(matches!(reused, Err(CreateError::KeyReused)), "{reused:?}");
    let (mut client, mut route) = (new.clone(), new);
    client.idempotency.as_mut().unwrap().client = "owner-2".to_owned();
    route.idempotency.as_mut().unwrap().route = "POST /elsewhere".to_owned();
    for new in [client, route] {
        assert_eq!(equal_open(&world, &new).await, job, "another key, so the open job stands in the way");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_requests_with_one_key_at_once_make_one_job() {
    let world = World::new().await;
    let apis =
        [world.db.store_as("lethe_api"), world.db.store_as("lethe_api"), world.db.store_as("lethe_api")];
    let new = new_export("acme");
    let requests = (0..20).map(|number| {
        let (api, new) = (apis[number % apis.len()].clone(), new.clone());
        tokio::spawn(async move { api.create_export(&new).await.unwrap() })
    });
    let (mut created, mut jobs) = (0, BTreeSet::new());
    for request in requests.collect::<Vec<_>>() {
        match request.await.unwrap() {
            Accepted::Created(job) => {
                created += 1;
                jobs.insert(job);
            }
            Accepted::Replayed(job) => drop(jobs.insert(job)),
        }
    }
    assert_eq!((created, jobs.len()), (1, 1));
    assert_eq!(world.outbox().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_equal_requests_at_once_make_one_job_that_the_others_are_told_of() {
    let world = World::new().await;
    let requests = (0..20).map(|_| {
        let (api, new) = (world.api.clone(), new_export("acme"));
        tokio::spawn(async move { api.create_export(&new).await })
    });
    let (mut created, mut told) = (Vec::new(), BTreeSet::new());
    for request in requests.collect::<Vec<_>>() {
        match request.await.unwrap() {
            Ok(Accepted::Created(job)) => created.push(job),
            Err(CreateError::EqualOpen(job)) => drop(told.insert(job)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(created.len(), 1);
    assert_eq!(told, BTreeSet::from([created[0]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_equal_open_job_of_the_same_organisation_stands_in_the_way() {
    let world = World::new().await;
    let job = world.job("acme").await;
    assert_eq!(equal_open(&world, &new_export("acme")).await, job);
    created(world.api.create_export(&new_export("globex")).await);
    let mut other = new_export("acme");
    other.request.format = ExportFormat::Csv;
    created(world.api.create_export(&other).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_room_again_when_the_job_has_ended() {
    let world = World::new().await;
    let (acme, origin) = (organisation("acme"), owner("owner-1"));
    let cancelled = world.job("acme").await;
    world.api.cancel_job(&acme, cancelled, &origin).await.unwrap();
    let failed = world.job("acme").await;
    world.fail(failed, 1).await;
    let completed = world.planned("acme", vec![whole(1)]).await;
    world.complete(completed, 2).await;
    let states = [cancelled, failed, completed].map(async |job| world.job_facts(job).await.state);
    for (state, expected) in states.into_iter().zip(["cancelled", "failed", "completed"]) {
        assert_eq!(state.await, expected);
    }
    world.job("acme").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_in_the_way_is_named_although_a_newer_one_has_ended() {
    let world = World::new().await;
    let (acme, origin) = (organisation("acme"), owner("owner-1"));
    let older = world.job("acme").await;
    world.fail(older, 1).await;
    let newer = world.job("acme").await;
    world.api.cancel_job(&acme, newer, &origin).await.unwrap();
    world.api.retry_job(&acme, older, &origin).await.unwrap();
    assert_eq!(equal_open(&world, &new_export("acme")).await, older);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_job_that_ends_at_the_same_moment_leaves_nobody_without_an_answer() {
    let world = World::new().await;
    let asking = (0..4).map(|_| {
        let api = world.api.clone();
        tokio::spawn(async move {
            let (acme, origin) = (organisation("acme"), owner("owner-1"));
            for _ in 0..25 {
                match api.create_export(&new_export("acme")).await {
                    // Whoever gets one calls it off at once, while others ask what stands in their way.
                    Ok(Accepted::Created(job)) => api.cancel_job(&acme, job, &origin).await.unwrap(),
                    Err(CreateError::EqualOpen(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
        })
    });
    for task in asking.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(world.count("SELECT count(*) FROM privacy_jobs WHERE state <> 'cancelled'").await, 0);
}
