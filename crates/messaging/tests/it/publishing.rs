use std::time::Duration;

use lapin::types::AMQPValue;
use messaging::{CONTENT_TYPE, PublishError, Publisher, ReconnectingPublisher};
use telemetry::metrics::Metrics;
use tokio_util::sync::CancellationToken;

use crate::support::{Broker, Proxy, eventually, step, steps};

#[tokio::test]
async fn a_confirmed_message_lies_in_the_queue_as_it_was_meant() {
    let broker = Broker::start().await;
    let mut message = step("body");
    message.headers = Broker::plain_headers(&[("traceparent", "00-a"), ("x-lethe-version", "2")]);
    broker.publish(std::slice::from_ref(&message)).await;
    let found = broker.take("export-worker.steps").await.unwrap();
    assert_eq!(found.body, b"body");
    let text = |value: &Option<lapin::types::ShortString>| value.as_ref().map(ToString::to_string);
    assert_eq!(text(found.properties.message_id()), Some(message.message_id.to_string()));
    assert_eq!(text(found.properties.kind()).as_deref(), Some("step.due"));
    assert_eq!(text(found.properties.content_type()).as_deref(), Some(CONTENT_TYPE));
    assert_eq!(found.properties.delivery_mode(), &Some(2));
    assert_eq!(found.header("traceparent").as_deref(), Some("00-a"));
    assert_eq!(found.header("x-lethe-version").as_deref(), Some("2"));
}

#[tokio::test]
async fn a_batch_is_confirmed_as_a_whole() {
    let broker = Broker::start().await;
    broker.publish(&steps(1000)).await;
    broker.wait_for_depth("export-worker.steps", 1000).await;
}

#[tokio::test]
async fn a_message_that_no_queue_takes_is_not_published() {
    let broker = Broker::start().await;
    let mut publisher = Publisher::connect(&broker.config()).await.unwrap();
    let mut astray = step("astray");
    astray.exchange = String::new();
    astray.routing_key = "no-such-queue".to_owned();
    let outcomes = publisher.publish_batch(&[astray]).await;
    assert!(
        matches!(&outcomes[0], Err(PublishError::Unroutable { routing_key, .. }) if routing_key == "no-such-queue")
    );
    assert!(publisher.usable());
}

/// The client library gives a returned message to the confirm that is resolved next, which in a
/// batch is often another message's.
#[tokio::test]
async fn returned_messages_are_not_mistaken_for_their_neighbours() {
    let broker = Broker::start().await;
    let mut publisher = Publisher::connect(&broker.config()).await.unwrap();
    for _ in 0..20 {
        let mut batch = steps(100);
        for message in batch.iter_mut().skip(1).step_by(7) {
            message.exchange = String::new();
            message.routing_key = "no-such-queue".to_owned();
        }
        let outcomes = publisher.publish_batch(&batch).await;
        for (message, outcome) in batch.iter().zip(&outcomes) {
            let unroutable = matches!(outcome, Err(PublishError::Unroutable { .. }));
            assert_eq!(unroutable, message.exchange.is_empty(), "{outcome:?}");
            assert!(unroutable || outcome.is_ok());
        }
    }
    broker.wait_for_depth("export-worker.steps", 20 * 85).await;
}

#[tokio::test]
async fn a_full_queue_refuses_and_the_connection_lives() {
    let broker = Broker::start().await;
    let text = |text: &str| AMQPValue::LongString(text.into());
    let arguments = [
        ("x-queue-type", text("quorum")),
        ("x-overflow", text("reject-publish")),
        ("x-max-length", 1_i64.into()),
    ];
    broker.declare_queue("small", &arguments).await;
    let mut publisher = Publisher::connect(&broker.config()).await.unwrap();
    let mut batch = steps(10);
    for message in &mut batch {
        message.exchange = String::new();
        message.routing_key = "small".to_owned();
    }
    let mut refused = 0;
    for message in batch {
        let outcomes = publisher.publish_batch(&[message]).await;
        refused += usize::from(matches!(outcomes[0], Err(PublishError::Refused)));
    }
    assert!(refused >= 5, "only {refused} of 10 refused");
    assert!(publisher.usable());
}

#[tokio::test]
async fn a_missing_exchange_costs_the_channel_and_confirms_nothing() {
    let broker = Broker::start().await;
    let metrics = Metrics::new();
    let mut publisher = ReconnectingPublisher::new(broker.config(), &metrics).unwrap();
    let health = publisher.health();
    assert!(!health.connected());
    let cancel = CancellationToken::new();
    assert!(publisher.ready(&cancel).await && health.connected());
    let mut astray = step("astray");
    astray.exchange = "no-such-exchange".to_owned();
    let outcomes = publisher.publish_batch(&[astray]).await;
    assert!(matches!(outcomes[0], Err(PublishError::Lost(_))), "{outcomes:?}");
    assert!(!health.connected());
    let outcomes = publisher.publish_batch(&[step("too soon")]).await;
    assert!(matches!(outcomes[0], Err(PublishError::NotConnected)));
    assert!(publisher.ready(&cancel).await && health.connected());
    assert!(publisher.publish_batch(&[step("now")]).await[0].is_ok());
    publisher.close().await;
    assert!(!health.connected());
    let text = metrics.render().unwrap();
    assert!(text.contains(r#"lethe_messages_published_total{outcome="confirmed"} 1"#), "{text}");
    assert!(text.contains(r#"lethe_messages_published_total{outcome="unknown"} 1"#), "{text}");
}

#[tokio::test]
async fn a_connection_the_broker_closed_is_built_anew() {
    let broker = Broker::start().await;
    let mut publisher = ReconnectingPublisher::new(broker.config(), &Metrics::new()).unwrap();
    let cancel = CancellationToken::new();
    assert!(publisher.ready(&cancel).await);
    broker.close_connections("test publisher").await;
    // A task of its own, as the relay is.
    let publishing = tokio::spawn(async move {
        let mut sent = 0;
        // The first attempts may meet the dying connection; none of them may claim success.
        while sent < 10 {
            assert!(publisher.ready(&cancel).await);
            sent += usize::from(publisher.publish_batch(&[step("after")]).await[0].is_ok());
        }
    });
    publishing.await.unwrap();
    broker.wait_for_depth("export-worker.steps", 10).await;
}

#[tokio::test]
async fn a_silent_broker_confirms_nothing_and_costs_no_more_than_the_deadline() {
    let broker = Broker::start().await;
    let proxy = Proxy::start(broker.port()).await;
    let mut config = broker.config_through(proxy.port());
    config.confirm_timeout = Duration::from_millis(500);
    let mut publisher = Publisher::connect(&config).await.unwrap();
    proxy.freeze();
    let started = std::time::Instant::now();
    let outcomes = publisher.publish_batch(&steps(3)).await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(matches!(outcomes[0], Err(PublishError::Unconfirmed { .. })), "{outcomes:?}");
    assert!(outcomes.iter().all(Result::is_err));
    assert!(!publisher.usable());
    drop(publisher);
    eventually("nothing is left of the connection", || async { proxy.abandoned() == 1 }).await;
}

#[tokio::test]
async fn waiting_for_a_broker_that_is_away_can_be_called_off() {
    let gone = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("amqp://127.0.0.1:{}", gone.local_addr().unwrap().port());
    drop(gone);
    let config = messaging::AmqpConfig::new(url.into(), "test");
    let mut publisher = ReconnectingPublisher::new(config, &Metrics::new()).unwrap();
    let cancel = CancellationToken::new();
    let waiting = publisher.ready(&cancel);
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut waiting).await.is_err());
    cancel.cancel();
    assert!(!waiting.await);
    eventually("cancelled", || async { cancel.is_cancelled() }).await;
}
