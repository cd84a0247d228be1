use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use messaging::{Acker, BatchHandler, Consumer, Delivery, ack_all};
use telemetry::metrics::Metrics;

use crate::support::{Broker, Running, eventually, settings, step, steps};

/// Sets aside what is no number, acknowledges the rest, leaves a `13` unsettled the first time.
#[derive(Clone, Default)]
struct Sink {
    sizes: Arc<Mutex<Vec<usize>>>,
    kept: Arc<Mutex<BTreeSet<u32>>>,
}

impl BatchHandler for Sink {
    async fn handle(&self, batch: Vec<(Delivery, Acker)>) {
        self.sizes.lock().unwrap().push(batch.len());
        let mut good = Vec::new();
        for (delivery, acker) in batch {
            let number = std::str::from_utf8(&delivery.body).ok().and_then(|text| text.parse().ok());
            match number {
                None => drop(acker.dead_letter("no number").await),
                Some(13) if delivery.delivery_count == 0 => drop(acker),
                Some(number) => good.push((number, acker)),
            }
        }
        let (numbers, ackers): (Vec<u32>, Vec<Acker>) = good.into_iter().unzip();
        for outcome in ack_all(ackers).await {
            drop(outcome.unwrap());
        }
        self.kept.lock().unwrap().extend(numbers);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_message_does_not_spoil_its_batch() {
    let broker = Broker::start().await;
    let mut messages = steps(1000);
    messages.insert(500, step("spoilt"));
    broker.publish(&messages).await;
    let sink = Sink::default();
    let settings = settings(broker.config()).with_batches(200, Duration::from_millis(20));
    let running = Running::start(Consumer::batched(settings, sink.clone(), &Metrics::new()).unwrap()).await;
    eventually("all numbers are kept", || async { sink.kept.lock().unwrap().len() == 1000 }).await;
    broker.wait_for_depth("export-worker.steps.dead-letter", 1).await;
    running.stop().await;
    broker.wait_for_depth("export-worker.steps", 0).await;
    let sizes = sink.sizes.lock().unwrap().clone();
    assert!(sizes.iter().all(|size| (1..=200).contains(size)), "{sizes:?}");
    assert!(sizes.iter().any(|size| *size > 50), "batches fill: {sizes:?}");
}

#[tokio::test]
async fn a_batch_does_not_wait_longer_than_it_may() {
    let broker = Broker::start().await;
    let sink = Sink::default();
    let settings = settings(broker.config()).with_batches(500, Duration::from_millis(100));
    let running = Running::start(Consumer::batched(settings, sink.clone(), &Metrics::new()).unwrap()).await;
    broker.publish(&steps(1)).await;
    eventually("the lone message is kept", || async { sink.kept.lock().unwrap().len() == 1 }).await;
    running.stop().await;
    assert_eq!(*sink.sizes.lock().unwrap(), [1]);
}

#[tokio::test]
async fn a_batch_that_was_still_filling_is_handed_back() {
    let broker = Broker::start().await;
    let sink = Sink::default();
    let settings = settings(broker.config()).with_batches(500, Duration::from_secs(600));
    let running = Running::start(Consumer::batched(settings, sink.clone(), &Metrics::new()).unwrap()).await;
    broker.publish(&steps(3)).await;
    broker.wait_for_depth("export-worker.steps", 0).await;
    running.stop().await;
    broker.wait_for_depth("export-worker.steps", 3).await;
    assert!(sink.sizes.lock().unwrap().is_empty());
}
