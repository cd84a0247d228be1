//! Messages that nobody can use: set aside with the reason, and harmless.

use contracts::{AuditEvent, Envelope, encode};
use domain::audit::{Action, Outcome};
use domain::id::JobId;
use messaging::{QUEUE_HEADER, REASON_HEADER};
use testkit::{PATIENCE, eventually_some, organisation};
use uuid::Uuid;

use super::support::{QUEUE, Runner, World, due, settings};

fn foreign() -> Vec<u8> {
    let body = AuditEvent {
        organisation_id: organisation("acme"),
        actor: "owner-1".to_owned(),
        actor_role: "owner".to_owned(),
        action: Action::JobCreated,
        outcome: Outcome::Success,
        job_id: None,
        job_version: None,
        step_no: None,
        occurred_at: "2026-11-21T12:00:00Z".parse().unwrap(),
        trace_id: None,
        reason: None,
        hold_id: None,
        rows: None,
        media: None,
        job_outcome: None,
        about: None,
    };
    encode(&Envelope::new(Uuid::now_v7(), body.occurred_at, body)).unwrap()
}

fn from_the_future() -> Vec<u8> {
    // The version is the one number in the envelope: a fixint after its name.
    let mut bytes = due(JobId(Uuid::nil()), 1);
    let name = b"version";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len();
    assert_eq!(bytes[at], 1);
    bytes[at] = 2;
    bytes
}

fn truncated() -> Vec<u8> {
    let mut bytes = due(JobId(Uuid::nil()), 1);
    bytes.truncate(bytes.len() / 2);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_set_aside_with_the_reason_and_work_goes_on() {
    let world = World::new().await;
    let garbage: [(Vec<u8>, &str); 7] = [
        (Vec::new(), "not a message"),
        (b"jane.doe@example.org".to_vec(), "not a message"),
        (vec![0xff; 4_096], "not a message"),
        (truncated(), "not a message"),
        (foreign(), "expected a message of kind `step.due`"),
        (from_the_future(), "version 2 of `step.due` is not supported"),
        (due(JobId(Uuid::nil()), 1), "no job of this service has such a step"),
    ];
    for (body, _) in &garbage {
        world.vhost.put(QUEUE, body).await;
    }
    let runner = Runner::default();
    let service = world.start(&runner, settings()).await;
    let job = world.job("acme").await;
    world.wait_for_job(job, "completed").await;

    let mut set_aside = Vec::new();
    for _ in &garbage {
        let letter = eventually_some(PATIENCE, "a dead letter", async || {
            world.vhost.take("export-worker.steps.dead-letter").await
        });
        set_aside.push(letter.await);
    }
    for (body, reason) in &garbage {
        let letter = set_aside.iter().find(|letter| letter.body == *body).unwrap();
        assert!(letter.headers[REASON_HEADER].contains(reason), "{letter:?}");
        assert_eq!(letter.headers[QUEUE_HEADER], QUEUE);
        assert!(!letter.headers[REASON_HEADER].contains("jane"));
    }
    assert_eq!(world.vhost.depth(QUEUE).await, 0);
    assert_eq!(runner.runs().len(), 1);
    service.stop().await;
}
