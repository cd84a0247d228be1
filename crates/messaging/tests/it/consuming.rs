use std::time::Duration;

use messaging::{AUDIT_EVENTS, Consumer, ConsumerSettings};
use telemetry::metrics::Metrics;

use crate::support::{Behaviour, Broker, Recorder, Running, eventually, settings, step, steps};

#[tokio::test]
async fn what_is_published_is_handled_and_acknowledged() {
    let broker = Broker::start().await;
    let recorder = Recorder::new(Behaviour::Ack);
    let metrics = Metrics::new();
    let consumer = Consumer::new(settings(broker.config()), recorder.clone(), &metrics).unwrap();
    let running = Running::start(consumer).await;
    assert_eq!(running.health.since_last_delivery(), None);
    let message = step("0");
    broker.publish(std::slice::from_ref(&message)).await;
    recorder.wait_for_seen(1).await;
    assert!(running.health.since_last_delivery().is_some());
    assert!(running.health.since_last_tick() < Duration::from_secs(20));
    running.stop().await;
    let seen = &recorder.seen()[0];
    assert_eq!(seen.message_id, Some(message.message_id.to_string()));
    assert_eq!(seen.kind.as_deref(), Some("step.due"));
    assert_eq!(seen.headers, message.headers);
    assert_eq!((seen.redelivered, seen.delivery_count), (false, 0));
    broker.wait_for_depth("export-worker.steps", 0).await;
    let text = metrics.render().unwrap();
    let counted = r#"lethe_messages_consumed_total{outcome="acknowledged",queue="export-worker.steps"} 1"#;
    assert!(text.contains(counted), "{text}");
    assert!(text.contains(r#"lethe_handlers_running{queue="export-worker.steps"} 0"#), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_handlers_run_than_allowed_even_after_acknowledging() {
    let broker = Broker::start().await;
    let recorder = Recorder::new(Behaviour::AckThenWait);
    let settings = settings(broker.config()).with_concurrency(3);
    let running = Running::start(Consumer::new(settings, recorder.clone(), &Metrics::new()).unwrap()).await;
    broker.publish(&steps(50)).await;
    recorder.wait_for_seen(3).await;
    // All three are acknowledged, so the broker has sent three more, which must wait.
    broker.wait_for_depth("export-worker.steps", 44).await;
    assert_eq!(recorder.running(), 3);
    for done in 1..=50 {
        recorder.release(1);
        eventually("one more is done", || async { recorder.finished() == done }).await;
        assert!(recorder.running() <= 3);
    }
    assert_eq!(recorder.most(), 3);
    assert_eq!(recorder.distinct().len(), 50);
    running.stop().await;
}

#[tokio::test]
async fn a_handler_that_panics_does_not_take_others_along() {
    let broker = Broker::start().await;
    let recorder = Recorder::deciding(|delivery| match delivery.body.as_ref() {
        b"7" => Behaviour::Panic,
        _ => Behaviour::Ack,
    });
    let metrics = Metrics::new();
    let consumer = Consumer::new(settings(broker.config()), recorder.clone(), &metrics).unwrap();
    let running = Running::start(consumer).await;
    broker.publish(&steps(20)).await;
    recorder.wait_for_distinct(20).await;
    broker.wait_for_depth("export-worker.steps.dead-letter", 1).await;
    running.stop().await;
    let poison = recorder.seen().iter().filter(|seen| seen.body.as_ref() == b"7").count();
    assert_eq!(poison, 21, "the first delivery and twenty repetitions");
    assert_eq!(broker.take("export-worker.steps.dead-letter").await.unwrap().body, b"7");
    assert!(metrics.render().unwrap().contains(r#"outcome="panicked",queue="export-worker.steps"} 21"#));
}

#[tokio::test]
async fn a_message_handed_back_comes_again_and_says_so() {
    let broker = Broker::start().await;
    let recorder = Recorder::deciding(|delivery| match delivery.delivery_count {
        0 | 1 => Behaviour::RequeueAfter(Duration::from_millis(50)),
        _ => Behaviour::Ack,
    });
    let consumer = Consumer::new(settings(broker.config()), recorder.clone(), &Metrics::new()).unwrap();
    let running = Running::start(consumer).await;
    let started = std::time::Instant::now();
    broker.publish(&steps(1)).await;
    recorder.wait_for_seen(3).await;
    assert!(started.elapsed() >= Duration::from_millis(150), "the second pause is twice the first");
    running.stop().await;
    let counts: Vec<u32> = recorder.seen().iter().map(|seen| seen.delivery_count).collect();
    assert_eq!(counts, [0, 1, 2]);
    assert!(recorder.seen()[1].redelivered);
    broker.wait_for_depth("export-worker.steps", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_audit_consumers_one_works_and_the_other_takes_over() {
    let broker = Broker::start().await;
    let mut settings = ConsumerSettings::new(broker.config(), AUDIT_EVENTS);
    settings.watch_interval = Duration::from_millis(20);
    settings.stale_after = Duration::from_millis(100);
    let (first, second) = (Recorder::new(Behaviour::WaitThenAck), Recorder::new(Behaviour::Ack));
    let metrics = Metrics::new();
    let active = Running::start(Consumer::new(settings.clone(), first.clone(), &metrics).unwrap()).await;
    let reserve = Running::start(Consumer::new(settings, second.clone(), &metrics).unwrap()).await;
    let mut events = steps(20);
    for event in &mut events {
        event.exchange = "lethe.audit".to_owned();
        event.routing_key = "audit.event".to_owned();
    }
    broker.publish(&events).await;
    first.wait_for_seen(1).await;
    // Events wait while one consumer is busy and the other in reserve; neither has been forgotten.
    let since = std::time::Instant::now();
    eventually("events have waited for a while", || async { since.elapsed() > Duration::from_secs(1) }).await;
    assert!(!metrics.render().unwrap().contains(r#"cause="stale""#));
    assert!(second.seen().is_empty());
    active.cancel();
    first.release(1);
    active.stop().await;
    second.wait_for_distinct(19).await;
    reserve.stop().await;
    assert_eq!(first.seen().len(), 1);
}

#[tokio::test]
async fn a_handler_continues_the_trace_of_the_sender() {
    let broker = Broker::start().await;
    let log = crate::support::logs();
    let trace = uuid::Uuid::new_v4().simple().to_string();
    let recorder = Recorder::deciding(|_| {
        tracing::info!("inside the handler");
        Behaviour::Ack
    });
    let consumer = Consumer::new(settings(broker.config()), recorder.clone(), &Metrics::new()).unwrap();
    let running = Running::start(consumer).await;
    let mut message = step("0");
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    message.headers.insert("traceparent".to_owned(), parent);
    broker.publish(std::slice::from_ref(&message)).await;
    recorder.wait_for_seen(1).await;
    running.stop().await;
    let text = log.text();
    let line = text
        .lines()
        .find(|line| line.contains("inside the handler") && line.contains(&trace))
        .expect("a line with the trace's id");
    assert!(line.contains(&message.message_id.to_string()), "{line}");
    assert!(line.contains(r#""span":"process""#), "{line}");
}
