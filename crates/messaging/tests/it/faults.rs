use std::time::Duration;

use messaging::{Consumer, ERASURE_STEPS};
use telemetry::metrics::Metrics;

use crate::support::{Behaviour, Broker, Proxy, Recorder, Running, eventually, settings, steps};

const QUEUE: &str = "export-worker.steps";

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_closed_by_the_broker_costs_nothing() {
    let broker = Broker::start().await;
    let recorder = Recorder::new(Behaviour::Ack);
    let metrics = Metrics::new();
    let consuming = settings(broker.config()).with_concurrency(4);
    let running = Running::start(Consumer::new(consuming, recorder.clone(), &metrics).unwrap()).await;
    let messages = steps(300);
    broker.publish(&messages[..100]).await;
    broker.close_connections("test").await;
    broker.publish(&messages[100..200]).await;
    recorder.wait_for_distinct(200).await;
    broker.close_connections("test").await;
    broker.publish(&messages[200..]).await;
    recorder.wait_for_distinct(300).await;
    running.stop().await;
    broker.wait_for_depth(QUEUE, 0).await;
    broker.wait_for_depth("export-worker.steps.dead-letter", 0).await;
    let text = metrics.render().unwrap();
    assert!(text.contains(r#"lethe_consumer_rebuilds_total{cause="connection_failed""#), "{text}");
}

#[tokio::test]
async fn a_queue_deleted_under_the_consumer_is_declared_and_consumed_again() {
    let broker = Broker::start().await;
    let recorder = Recorder::new(Behaviour::Ack);
    let metrics = Metrics::new();
    let consumer = Consumer::new(settings(broker.config()), recorder.clone(), &metrics).unwrap();
    let running = Running::start(consumer).await;
    broker.delete_queue(QUEUE).await;
    let rebuilt =
        r#"lethe_consumer_rebuilds_total{cause="consumer_cancelled",queue="export-worker.steps"} 1"#;
    eventually("the consumer notices", || async { metrics.render().unwrap().contains(rebuilt) }).await;
    let health = &running.health;
    eventually("it is back", || async { health.connected() }).await;
    broker.publish(&steps(1)).await;
    recorder.wait_for_seen(1).await;
    running.stop().await;
}

#[tokio::test]
async fn a_service_that_may_not_declare_waits_for_its_queue() {
    let broker = Broker::start_empty().await;
    let recorder = Recorder::new(Behaviour::Ack);
    let mut waiting = settings(broker.config());
    waiting.declare = false;
    let running =
        Running::start_unconnected(Consumer::new(waiting, recorder.clone(), &Metrics::new()).unwrap());
    let log = crate::support::logs();
    eventually("it says what is missing", || async {
        log.text().contains("queue `export-worker.steps` does not exist: declare the topology first")
    })
    .await;
    assert!(!running.health.connected());
    messaging::declare_topology(&broker.config()).await.unwrap();
    broker.publish(&steps(1)).await;
    recorder.wait_for_seen(1).await;
    running.stop().await;
}

#[tokio::test]
async fn an_acknowledgement_after_the_delivery_was_lost_says_so() {
    let broker = Broker::start().await;
    let recorder = Recorder::new(Behaviour::WaitThenAck);
    let consuming = settings(broker.config()).with_concurrency(2);
    let running = Running::start(Consumer::new(consuming, recorder.clone(), &Metrics::new()).unwrap()).await;
    broker.publish(&steps(1)).await;
    recorder.wait_for_seen(1).await;
    broker.close_connections("test").await;
    // The first handler still holds the lost delivery when the second gets it again.
    recorder.wait_for_seen(2).await;
    assert_eq!(recorder.running(), 2);
    recorder.release(2);
    eventually("both are done", || async { recorder.finished() == 2 }).await;
    running.stop().await;
    assert_eq!(recorder.lost(), 1);
    assert!(recorder.seen()[1].redelivered);
    broker.wait_for_depth(QUEUE, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_swallows_everything_is_noticed_by_the_heartbeat() {
    let broker = Broker::start().await;
    let proxy = Proxy::start(broker.port()).await;
    let mut config = broker.config_through(proxy.port());
    config.heartbeat = Duration::from_secs(1);
    let recorder = Recorder::new(Behaviour::Ack);
    let running =
        Running::start(Consumer::new(settings(config), recorder.clone(), &Metrics::new()).unwrap()).await;
    proxy.freeze();
    broker.publish(&steps(20)).await;
    recorder.wait_for_distinct(20).await;
    assert!(proxy.accepted() >= 2);
    running.stop().await;
    broker.wait_for_depth(QUEUE, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stops_answering_is_noticed_by_the_look_at_the_queue() {
    let broker = Broker::start().await;
    let proxy = Proxy::start(broker.port()).await;
    let mut config = broker.config_through(proxy.port());
    config.heartbeat = Duration::from_secs(600);
    config.operation_timeout = Duration::from_secs(3);
    let mut consuming = settings(config);
    consuming.watch_interval = Duration::from_millis(200);
    let metrics = Metrics::new();
    let recorder = Recorder::new(Behaviour::Ack);
    let running = Running::start(Consumer::new(consuming, recorder.clone(), &metrics).unwrap()).await;
    proxy.freeze();
    broker.publish(&steps(5)).await;
    // The fifth stays with the silent connection until the broker misses heartbeats too.
    recorder.wait_for_distinct(4).await;
    assert!(metrics.render().unwrap().contains(r#"cause="queue_unreachable""#));
    running.stop().await;
}

/// Looking at the queue often, with little patience: neither an idle nor a busy consumer is rebuilt.
#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_consumer_is_left_alone() {
    let broker = Broker::start().await;
    let mut consuming = settings(broker.config());
    consuming.queue = ERASURE_STEPS;
    consuming.watch_interval = Duration::from_millis(20);
    // Long enough for a busy machine to answer a look in time, much shorter than the handler takes.
    consuming.stale_after = Duration::from_secs(2);
    let metrics = Metrics::new();
    let recorder = Recorder::new(Behaviour::WaitThenAck);
    let running = Running::start(Consumer::new(consuming, recorder.clone(), &metrics).unwrap()).await;
    let mut messages = steps(10);
    for message in &mut messages {
        message.routing_key = "step.erasure".to_owned();
    }
    broker.publish(&messages).await;
    recorder.wait_for_seen(1).await;
    // One handler holds the only place while nine messages wait: busy, not forgotten.
    let busy_since = std::time::Instant::now();
    eventually("it has been busy for a while", || async { busy_since.elapsed() > Duration::from_secs(5) })
        .await;
    recorder.release(10);
    recorder.wait_for_distinct(10).await;
    running.stop().await;
    assert!(!metrics.render().unwrap().contains("lethe_consumer_rebuilds_total{"));
    assert_eq!(recorder.seen().len(), 10);
}
