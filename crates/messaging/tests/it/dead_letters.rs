use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use messaging::{Consumer, ORIGINAL_ID_HEADER, QUEUE_HEADER, REASON_HEADER};
use telemetry::metrics::Metrics;
use uuid::Uuid;

use crate::support::{Behaviour, Broker, Proxy, Recorder, Running, settings, step, steps};

const QUEUE: &str = "export-worker.steps";
const DEAD: &str = "export-worker.steps.dead-letter";

#[tokio::test]
async fn a_dead_letter_says_why_and_where_from() {
    let broker = Broker::start().await;
    let recorder = Recorder::new(Behaviour::DeadLetter("unknown version 9"));
    let metrics = Metrics::new();
    let consumer = Consumer::new(settings(broker.config()), recorder, &metrics).unwrap();
    let running = Running::start(consumer).await;
    let message = step("body");
    broker.publish(std::slice::from_ref(&message)).await;
    broker.wait_for_depth(DEAD, 1).await;
    running.stop().await;
    let found = broker.take(DEAD).await.unwrap();
    assert_eq!(found.body, b"body");
    assert_eq!(found.header(REASON_HEADER).as_deref(), Some("unknown version 9"));
    assert_eq!(found.header(QUEUE_HEADER).as_deref(), Some(QUEUE));
    assert_eq!(found.header("x-lethe-version").as_deref(), Some("1"));
    let id = found.properties.message_id().as_ref().map(ToString::to_string);
    assert_eq!(id, Some(message.message_id.to_string()));
    assert_eq!(found.properties.delivery_mode(), &Some(2));
    broker.wait_for_depth(QUEUE, 0).await;
    let counted = r#"outcome="dead_lettered",queue="export-worker.steps"} 1"#;
    assert!(metrics.render().unwrap().contains(counted));
}

/// Properties that would make the broker lose, refuse or spread a copy do not travel with it.
#[tokio::test]
async fn hostile_properties_do_not_keep_a_message_out_of_the_dead_letters() {
    let broker = Broker::start().await;
    let running = {
        let recorder = Recorder::new(Behaviour::DeadLetter("not a message"));
        Running::start(Consumer::new(settings(broker.config()), recorder, &Metrics::new()).unwrap()).await
    };
    let mut headers = FieldTable::default();
    let others = vec![AMQPValue::LongString("erasure-worker.steps".into())];
    headers.insert("CC".into(), AMQPValue::FieldArray(others.into()));
    headers.insert("binary".into(), AMQPValue::LongString(vec![0xff, 0x00].into()));
    headers.insert("x-delivery-count".into(), 19_i64.into());
    let properties = BasicProperties::default()
        .with_headers(headers)
        .with_expiration("60000".into())
        .with_delivery_mode(1)
        .with_message_id("not a uuid".into());
    broker.put(QUEUE, b"\xc1\xff", properties).await;
    broker.put(QUEUE, b"", BasicProperties::default()).await;
    broker.wait_for_depth(DEAD, 2).await;
    running.stop().await;
    let mut found = [broker.take(DEAD).await.unwrap(), broker.take(DEAD).await.unwrap()];
    found.sort_by_key(|found| found.body.len());
    let [empty, hostile] = found;
    assert_eq!(hostile.body, b"\xc1\xff");
    assert_eq!(hostile.header(ORIGINAL_ID_HEADER).as_deref(), Some("not a uuid"));
    assert_eq!(hostile.properties.expiration(), &None);
    assert_eq!(hostile.properties.delivery_mode(), &Some(2));
    assert_eq!(empty.header(REASON_HEADER).as_deref(), Some("not a message"));
    let id = empty.properties.message_id().as_ref().unwrap().to_string();
    assert!(Uuid::try_parse(&id).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_garbage_messages_are_set_aside_and_work_goes_on() {
    let broker = Broker::start().await;
    let recorder = Recorder::deciding(|delivery| match delivery.body.starts_with(b"garbage") {
        true => Behaviour::DeadLetter("not MessagePack"),
        false => Behaviour::Ack,
    });
    let settings = settings(broker.config()).with_concurrency(16);
    let running = Running::start(Consumer::new(settings, recorder.clone(), &Metrics::new()).unwrap()).await;
    for first in (0..10_000).step_by(500) {
        let garbage: Vec<_> = (first..first + 500).map(|number| step(format!("garbage {number}"))).collect();
        broker.publish(&garbage).await;
    }
    broker.publish(&steps(1)).await;
    broker.wait_for_depth(DEAD, 10_000).await;
    broker.wait_for_depth(QUEUE, 0).await;
    assert!(running.health.connected());
    running.stop().await;
    let found = broker.take_many(DEAD, 10_000).await;
    let unexplained =
        found.iter().filter(|found| found.header(REASON_HEADER).as_deref() != Some("not MessagePack"));
    assert_eq!(unexplained.count(), 0);
    let bodies: std::collections::BTreeSet<_> = found.into_iter().map(|found| found.body).collect();
    assert_eq!(bodies.len(), 10_000);
    assert!(recorder.seen().iter().any(|seen| seen.body.as_ref() == b"0"));
}

/// The copy needs a connection of its own. Without one the broker's way still works, only the reason is lost.
#[tokio::test(flavor = "multi_thread")]
async fn when_the_copy_cannot_be_published_the_broker_sets_the_message_aside() {
    let broker = Broker::start().await;
    let proxy = Proxy::start(broker.port()).await;
    let recorder = Recorder::new(Behaviour::DeadLetter("unknown kind"));
    let settings = settings(broker.config_through(proxy.port())).with_concurrency(4);
    let metrics = Metrics::new();
    let running = Running::start(Consumer::new(settings, recorder, &metrics).unwrap()).await;
    proxy.refuse();
    broker.publish(&steps(8)).await;
    broker.wait_for_depth(DEAD, 8).await;
    running.stop().await;
    assert_eq!(broker.take(DEAD).await.unwrap().header(REASON_HEADER), None);
    let rejected = r#"outcome="rejected",queue="export-worker.steps"} 8"#;
    assert!(metrics.render().unwrap().contains(rejected));
}
