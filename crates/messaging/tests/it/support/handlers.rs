//! A handler that does as it is told and remembers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use messaging::{Acker, Delivery, Handler, Settled};
use tokio::sync::Semaphore;

use super::eventually;

/// What to do with a delivery.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Ack,
    Panic,
    DeadLetter(&'static str),
    RequeueAfter(Duration),
    /// Acknowledge, then go on working until released.
    AckThenWait,
    /// Wait until released, then acknowledge.
    WaitThenAck,
}

/// Records deliveries; clones share the record.
#[derive(Clone)]
pub struct Recorder {
    decide: Arc<dyn Fn(&Delivery) -> Behaviour + Send + Sync>,
    seen: Arc<Mutex<Vec<Delivery>>>,
    lost: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    finished: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Recorder {
    pub fn new(behaviour: Behaviour) -> Self {
        Self::deciding(move |_| behaviour)
    }

    pub fn deciding(decide: impl Fn(&Delivery) -> Behaviour + Send + Sync + 'static) -> Self {
        Self {
            decide: Arc::new(decide),
            seen: Arc::default(),
            lost: Arc::default(),
            running: Arc::default(),
            most: Arc::default(),
            finished: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    pub fn seen(&self) -> Vec<Delivery> {
        self.seen.lock().unwrap().clone()
    }

    /// The bodies seen, each once, sorted as numbers.
    pub fn distinct(&self) -> Vec<usize> {
        let seen = self.seen();
        let number = |delivery: &Delivery| String::from_utf8_lossy(&delivery.body).parse().unwrap();
        let mut numbers: Vec<usize> = seen.iter().map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    pub async fn wait_for_seen(&self, count: usize) {
        eventually(&format!("{count} deliveries"), || async { self.seen().len() >= count }).await;
    }

    pub async fn wait_for_distinct(&self, count: usize) {
        eventually(&format!("{count} messages"), || async { self.distinct().len() == count }).await;
    }

    /// Acknowledgements that found the delivery lost.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }

    pub fn finished(&self) -> usize {
        self.finished.load(Ordering::SeqCst)
    }

    /// Most handlers that ran at the same time.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// Lets so many waiting handlers go on.
    pub fn release(&self, count: usize) {
        self.gate.add_permits(count);
    }

    async fn wait(&self) {
        self.gate.acquire().await.unwrap().forget();
    }

    async fn ack(&self, acker: Acker) -> Settled {
        match acker.ack().await {
            Ok(settled) => settled,
            Err(lost) => {
                self.lost.fetch_add(1, Ordering::SeqCst);
                lost.into()
            }
        }
    }
}

/// Counts down however the handler ends.
struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Handler for Recorder {
    async fn handle(&self, delivery: Delivery, acker: Acker) -> Settled {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        let _leaving = Leaving(&self.running);
        self.most.fetch_max(running, Ordering::SeqCst);
        let behaviour = (self.decide)(&delivery);
        self.seen.lock().unwrap().push(delivery);
        let settled = match behaviour {
            Behaviour::Ack => self.ack(acker).await,
            Behaviour::Panic => panic!("told to"),
            Behaviour::DeadLetter(reason) => acker.dead_letter(reason).await,
            Behaviour::RequeueAfter(pause) => acker.requeue_after(pause).await,
            Behaviour::AckThenWait => {
                let settled = self.ack(acker).await;
                self.wait().await;
                settled
            }
            Behaviour::WaitThenAck => {
                self.wait().await;
                self.ack(acker).await
            }
        };
        self.finished.fetch_add(1, Ordering::SeqCst);
        settled
    }
}
