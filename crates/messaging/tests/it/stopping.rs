use std::time::{Duration, Instant};

use messaging::{Consumer, Drained};
use telemetry::metrics::Metrics;

use crate::support::{Behaviour, Broker, Recorder, Running, eventually, settings, steps};

const QUEUE: &str = "export-worker.steps";

#[tokio::test]
async fn running_handlers_finish_and_the_rest_goes_to_others_at_once() {
    let broker = Broker::start().await;
    let stopping = Recorder::new(Behaviour::WaitThenAck);
    let settings = settings(broker.config()).with_concurrency(2);
    let consumer = Consumer::new(settings.clone(), stopping.clone(), &Metrics::new()).unwrap();
    let running = Running::start(consumer).await;
    broker.publish(&steps(2)).await;
    stopping.wait_for_seen(2).await;
    running.cancel();
    broker.publish(&steps(10)[2..]).await;
    let other = Recorder::new(Behaviour::Ack);
    let replica = Running::start(Consumer::new(settings, other.clone(), &Metrics::new()).unwrap()).await;
    // While the first consumer still waits for its handlers, the second has everything else.
    other.wait_for_distinct(8).await;
    assert_eq!(stopping.running(), 2);
    stopping.release(2);
    assert_eq!(running.stop().await, Drained { unfinished: 0 });
    assert_eq!(stopping.finished(), 2);
    assert_eq!(stopping.lost(), 0);
    replica.stop().await;
    assert_eq!(other.seen().len() + stopping.seen().len(), 10, "nothing was handled twice");
    broker.wait_for_depth(QUEUE, 0).await;
}

#[tokio::test]
async fn deliveries_not_started_are_handed_back_before_handlers_have_finished() {
    let broker = Broker::start().await;
    let recorder = Recorder::new(Behaviour::AckThenWait);
    let settings = settings(broker.config()).with_concurrency(2);
    let running = Running::start(Consumer::new(settings, recorder.clone(), &Metrics::new()).unwrap()).await;
    broker.publish(&steps(4)).await;
    recorder.wait_for_seen(2).await;
    broker.wait_for_depth(QUEUE, 0).await;
    running.cancel();
    broker.wait_for_depth(QUEUE, 2).await;
    assert_eq!(recorder.running(), 2);
    recorder.release(2);
    assert_eq!(running.stop().await, Drained { unfinished: 0 });
    assert_eq!(recorder.finished(), 2);
}

#[tokio::test]
async fn a_handler_that_does_not_end_is_dropped_and_its_message_comes_back() {
    let broker = Broker::start().await;
    let recorder = Recorder::new(Behaviour::WaitThenAck);
    let mut settings = settings(broker.config());
    settings.drain_deadline = Duration::from_millis(200);
    let running = Running::start(Consumer::new(settings, recorder.clone(), &Metrics::new()).unwrap()).await;
    broker.publish(&steps(1)).await;
    recorder.wait_for_seen(1).await;
    let started = Instant::now();
    assert_eq!(running.stop().await, Drained { unfinished: 1 });
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!((recorder.running(), recorder.finished()), (0, 0));
    broker.wait_for_depth(QUEUE, 1).await;
}

#[tokio::test]
async fn a_pause_before_handing_back_ends_with_the_consumer() {
    let broker = Broker::start().await;
    let recorder = Recorder::new(Behaviour::RequeueAfter(Duration::from_secs(3600)));
    let running =
        Running::start(Consumer::new(settings(broker.config()), recorder.clone(), &Metrics::new()).unwrap())
            .await;
    broker.publish(&steps(1)).await;
    recorder.wait_for_seen(1).await;
    assert_eq!(running.stop().await, Drained { unfinished: 0 });
    broker.wait_for_depth(QUEUE, 1).await;
}

#[tokio::test]
async fn a_consumer_that_never_connected_stops_too() {
    let gone = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("amqp://{}", gone.local_addr().unwrap());
    drop(gone);
    let config = messaging::AmqpConfig::new(url.into(), "test");
    let recorder = Recorder::new(Behaviour::Ack);
    let running =
        Running::start_unconnected(Consumer::new(settings(config), recorder, &Metrics::new()).unwrap());
    let health = std::sync::Arc::clone(&running.health);
    eventually("it is alive", || async { health.since_last_tick() < Duration::from_millis(500) }).await;
    assert!(!health.connected());
    assert_eq!(running.stop().await, Drained { unfinished: 0 });
}
