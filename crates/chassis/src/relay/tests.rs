mod alarm;

use contracts::StepDue;
use secrecy::SecretString;
use store::Accepted;
use testkit::{ControlDatabase, PATIENCE, Vhost, eventually, eventually_some, new_export};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::testing::{NOBODY_AMQP, context};

const UNPUBLISHED: &str = "SELECT count(*) FROM outbox WHERE published_at IS NULL";

async fn count(database: &ControlDatabase, query: &str) -> i64 {
    database.client().await.query_one(query, &[]).await.unwrap().get(0)
}

fn start(context: &Context) -> (CancellationToken, JoinHandle<anyhow::Result<()>>) {
    let end = CancellationToken::new();
    let task = tokio::spawn(run(context.clone(), end.clone()));
    (end, task)
}

async fn end((end, task): (CancellationToken, JoinHandle<anyhow::Result<()>>)) {
    end.cancel();
    timeout(PATIENCE, task).await.expect("the relay ends").unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_published_where_it_belongs() {
    let (database, vhost) = tokio::join!(ControlDatabase::create(), Vhost::create());
    let context = context(database.store_as("lethe_api"), vhost.url());
    let relay = start(&context);
    let new = new_export("acme");
    let Accepted::Created(job) = context.store.create_export(&new).await.unwrap() else {
        panic!("the key is new")
    };
    context.relay.wake();
    eventually(PATIENCE, "the outbox is empty", async || count(&database, UNPUBLISHED).await == 0).await;
    let look = async || vhost.take("export-worker.steps").await;
    let due = eventually_some(PATIENCE, "an announcement", look).await;
    let envelope = contracts::decode::<StepDue>(&due.body).unwrap();
    assert_eq!(envelope.body.job_id, job);
    assert_eq!(due.message_id, Some(envelope.id.to_string()), "a repetition can be told by its id");
    assert_eq!(due.headers["traceparent"], new.origin.headers["traceparent"]);
    eventually(PATIENCE, "an audit event", async || vhost.depth("audit-sink.events").await == 1).await;
    assert_eq!(vhost.take("lethe.unrouted").await, None);
    end(relay).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_at_the_end_goes_out_before_it() {
    let (database, vhost) = tokio::join!(ControlDatabase::create(), Vhost::create());
    let context = context(database.store_as("lethe_api"), vhost.url());
    let relay = start(&context);
    eventually(PATIENCE, "the relay is connected", async || context.health.failing().is_empty()).await;
    // More than one batch, and nobody wakes the relay.
    for number in 0..150 {
        context.store.create_export(&new_export(&format!("org-{number}"))).await.unwrap();
    }
    end(relay).await;
    assert_eq!(count(&database, UNPUBLISHED).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_nothing_is_lost_and_the_end_is_not_held_up() {
    let database = ControlDatabase::create().await;
    let context = context(database.store_as("lethe_api"), NOBODY_AMQP);
    let relay = start(&context);
    context.store.create_export(&new_export("acme")).await.unwrap();
    context.relay.wake();
    eventually(PATIENCE, "readiness names the broker", async || context.health.failing() == ["broker"]).await;
    end(relay).await;
    assert_eq!(count(&database, UNPUBLISHED).await, 2);

    let vhost = Vhost::create().await;
    let later = context_on(&context, &vhost);
    let relay = start(&later);
    eventually(PATIENCE, "the outbox is empty", async || count(&database, UNPUBLISHED).await == 0).await;
    end(relay).await;
}

/// The same process started anew, with a broker.
fn context_on(context: &Context, vhost: &Vhost) -> Context {
    let amqp = messaging::AmqpConfig::new(SecretString::from(vhost.url().to_owned()), "test");
    Context { amqp, ..crate::testing::context(context.store.clone(), vhost.url()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backlog_is_measured() {
    let (database, vhost) = tokio::join!(ControlDatabase::create(), Vhost::create());
    let context = context(database.store_as("lethe_api"), vhost.url());
    let relay = start(&context);
    let published = "lethe_messages_published_total{outcome=\"confirmed\"}";
    context.store.create_export(&new_export("acme")).await.unwrap();
    eventually(PATIENCE, "two messages are counted", async || {
        let text = context.metrics.render().unwrap();
        text.contains(&format!("{published} 2")) && text.contains("privacy_outbox_unpublished 0")
    })
    .await;
    end(relay).await;
}
