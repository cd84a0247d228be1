use messaging::{Consumer, Publisher};
use telemetry::metrics::Metrics;

use crate::support::{Behaviour, Broker, Recorder, Running, logs, settings, step};

/// The client library prints returned messages as a warning, and frames at its trace level.
#[tokio::test]
async fn no_body_is_ever_logged() {
    let log = logs();
    let broker = Broker::start().await;
    let canary = "canary-9f1c";
    let numbers: Vec<String> = canary.bytes().map(|byte| byte.to_string()).collect();
    let as_debug = numbers.join(", ");
    let recorder = Recorder::deciding(|delivery| match delivery.delivery_count {
        0 => Behaviour::Panic,
        _ => Behaviour::DeadLetter("not wanted"),
    });
    let consumer = Consumer::new(settings(broker.config()), recorder, &Metrics::new()).unwrap();
    let running = Running::start(consumer).await;
    let mut publisher = Publisher::connect(&broker.config()).await.unwrap();
    let mut astray = step(canary);
    astray.exchange = String::new();
    astray.routing_key = "no-such-queue".to_owned();
    assert!(publisher.publish_batch(&[astray]).await[0].is_err());
    assert!(publisher.publish_batch(&[step(canary)]).await[0].is_ok());
    broker.wait_for_depth("export-worker.steps.dead-letter", 1).await;
    running.stop().await;
    let text = log.text();
    assert!(text.contains("a handler panicked") && text.contains("a message was dead-lettered"));
    assert!(!text.contains(canary) && !text.contains(&as_debug));
}
