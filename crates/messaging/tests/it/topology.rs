use lapin::types::AMQPValue;
use messaging::{MessagingError, QUEUES, declare_topology};

use crate::support::{Broker, step};

#[tokio::test]
async fn declaring_twice_changes_nothing() {
    let broker = Broker::start().await;
    broker.publish(&[step("kept")]).await;
    declare_topology(&broker.config()).await.unwrap();
    broker.wait_for_depth("export-worker.steps", 1).await;
    for queue in QUEUES {
        let bindings = broker.bindings(queue.name).await;
        assert_eq!(bindings, [(queue.exchange.to_owned(), queue.routing_key.to_owned())]);
        let dead = queue.dead_letter_queue();
        assert_eq!(broker.bindings(&dead).await, [("lethe.dead".to_owned(), dead.clone())]);
    }
}

#[tokio::test]
async fn the_broker_holds_the_arguments_that_were_meant() {
    let broker = Broker::start().await;
    let found = broker.describe_queue("audit-sink.events").await;
    assert_eq!(found["durable"], true);
    let expected = serde_json::json!({
        "x-queue-type": "quorum",
        "x-overflow": "reject-publish",
        "x-delivery-limit": 20,
        "x-max-length": 1_000_000,
        "x-dead-letter-exchange": "lethe.dead",
        "x-dead-letter-routing-key": "audit-sink.events.dead-letter",
        "x-dead-letter-strategy": "at-least-once",
        "x-single-active-consumer": true,
    });
    assert_eq!(found["arguments"], expected);
}

#[tokio::test]
async fn a_queue_of_another_shape_is_named_with_what_to_do() {
    let broker = Broker::start_empty().await;
    let quorum = AMQPValue::LongString("quorum".into());
    broker
        .declare_queue("erasure-worker.steps", &[("x-queue-type", quorum), ("x-max-length", 5_i64.into())])
        .await;
    let error = declare_topology(&broker.config()).await.unwrap_err();
    assert!(matches!(error, MessagingError::Conflict { .. }), "{error:?}");
    assert!(!error.is_retryable());
    let said = error.to_string();
    assert!(said.starts_with("queue `erasure-worker.steps` exists with other arguments: drain"), "{said}");
}

#[tokio::test]
async fn what_no_queue_takes_is_kept_where_an_alert_sees_it() {
    let broker = Broker::start().await;
    let mut message = step("astray");
    message.routing_key = "step.unheard-of".to_owned();
    broker.publish(&[message]).await;
    broker.wait_for_depth("lethe.unrouted", 1).await;
    assert_eq!(broker.take("lethe.unrouted").await.unwrap().body, b"astray");
}
