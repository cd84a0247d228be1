//! The sink between a broker that anybody may write to and a log that nobody can change.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test by panicking"
)]

use std::sync::Arc;

use audit_sink::Sink;
use contracts::{AuditEvent, Envelope, decode, encode};
use domain::audit::{Action, Outcome};
use messaging::{AUDIT_EVENTS, AmqpConfig, Consumer, ConsumerSettings, REASON_HEADER, declare_topology};
use secrecy::SecretString;
use telemetry::metrics::Metrics;
use testkit::{ControlDatabase, PATIENCE, Vhost, eventually, eventually_some, new_export, organisation};
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const DEAD: &str = "audit-sink.events.dead-letter";

struct World {
    db: ControlDatabase,
    admin: Client,
    vhost: Vhost,
    amqp: AmqpConfig,
    stopping: CancellationToken,
}

impl World {
    async fn new() -> Self {
        let (db, vhost) = tokio::join!(ControlDatabase::create(), Vhost::create());
        let amqp = AmqpConfig::new(SecretString::from(vhost.url().to_owned()), "test");
        declare_topology(&amqp).await.unwrap();
        let admin = db.client().await;
        Self { db, admin, vhost, amqp, stopping: CancellationToken::new() }
    }

    /// Lets the sink work, as its service does, with its own role.
    fn start(&self) -> JoinHandle<()> {
        let metrics = Arc::new(Metrics::new());
        let sink = Sink::new(self.db.store_as("lethe_audit"), &metrics).unwrap();
        let settings = ConsumerSettings::new(self.amqp.clone(), AUDIT_EVENTS);
        let consumer = Consumer::batched(settings, sink, &metrics).unwrap();
        let stopping = self.stopping.clone();
        tokio::spawn(async move {
            consumer.run(stopping).await;
        })
    }

    async fn stop(&self, sink: JoinHandle<()>) {
        self.stopping.cancel();
        sink.await.unwrap();
    }

    async fn send(&self, body: &[u8]) {
        self.vhost.put(AUDIT_EVENTS.name, body).await;
    }

    /// A new job's first event, as its row in the outbox has it.
    async fn decided(&self, id: &str) -> Vec<u8> {
        self.db.store_as("lethe_api").create_export(&new_export(id)).await.unwrap();
        let sql = "SELECT body FROM outbox WHERE kind = 'audit.event' ORDER BY seq DESC LIMIT 1";
        self.admin.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// The bodies in the log, in order.
    async fn log(&self) -> Vec<Vec<u8>> {
        let rows = self.admin.query("SELECT body FROM audit_logs ORDER BY seq", &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn log_has(&self, entries: usize) {
        eventually(PATIENCE, "the events are in the log", async || self.log().await.len() == entries).await;
    }

    /// Why the next message was set aside.
    async fn set_aside(&self) -> String {
        let letter = eventually_some(PATIENCE, "a dead letter", async || self.vhost.take(DEAD).await).await;
        letter.headers[REASON_HEADER].clone()
    }
}

fn event(actor: &str) -> AuditEvent {
    AuditEvent {
        organisation_id: organisation("acme"),
        actor: actor.to_owned(),
        actor_role: "owner".to_owned(),
        action: Action::JobCompleted,
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
        about: None,
        job_outcome: None,
    }
}

fn message(id: Uuid, event: AuditEvent) -> Vec<u8> {
    encode(&Envelope::new(id, event.occurred_at, event)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_message_becomes_nothing() {
    let world = World::new().await;
    let truth = world.decided("acme").await;
    let Envelope { id, body, .. } = decode::<AuditEvent>(&truth).unwrap();
    // Of an event that nobody decided, and another story about one that was decided.
    let forged = AuditEvent { action: Action::JobCompleted, actor: "nobody".to_owned(), ..body };
    let of_next_version = AuditEvent { job_version: Some(2), ..forged.clone() };
    world.send(&message(Uuid::now_v7(), of_next_version)).await;
    world.send(&message(id, forged)).await;
    let sink = world.start();
    assert!(world.set_aside().await.starts_with("no event of this id was decided"));
    world.log_has(1).await;
    let next = world.decided("globex").await;
    world.send(&next).await;
    // A message that comes again is known.
    world.send(&truth).await;
    world.log_has(2).await;
    assert_eq!(world.log().await, [truth, next]);
    eventually(PATIENCE, "all is settled", async || world.vhost.depth(AUDIT_EVENTS.name).await == 0).await;
    world.stop(sink).await;
    assert_eq!(world.vhost.depth(DEAD).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_stored_is_set_aside_and_stops_nothing() {
    let world = World::new().await;
    let sink = world.start();
    // PostgreSQL stores no NUL in text.
    let impossible = Uuid::now_v7();
    let body = message(impossible, event("nul\0"));
    let insert = "INSERT INTO outbox (event_id, kind, routing_key, body) VALUES ($1, 'audit.event', 'audit.event', $2)";
    world.admin.execute(insert, &[&impossible, &body]).await.unwrap();
    world.send(&body).await;
    assert!(world.set_aside().await.starts_with("the control database refuses to store this event"));
    // In a batch with others, whatever the order.
    let (first, second) = (world.decided("acme").await, world.decided("globex").await);
    for message in [&first, &body, &second] {
        world.send(message).await;
    }
    world.log_has(2).await;
    assert_eq!(world.log().await, [first, second]);
    assert!(world.set_aside().await.starts_with("the control database refuses to store this event"));
    let kept = "SELECT count(*) FROM outbox WHERE event_id = $1";
    assert_eq!(world.admin.query_one(kept, &[&impossible]).await.unwrap().get::<_, i64>(0), 1);
    world.stop(sink).await;
}
