//! A consumer that runs until told to stop, whatever happens to the broker meanwhile.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use telemetry::metrics::Metrics;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::acker::Desk;
use crate::backoff::Backoff;
use crate::dead_letter::DeadLetters;
use crate::handler::Single;
use crate::metrics::{ConsumerMetrics, Outcome};
use crate::session::{Ended, Session};
use crate::task::Task;
use crate::watchdog::{Look, Watchdog};
use crate::{Acker, BatchHandler, ConsumerHealth, ConsumerSettings, Delivery, Handler, MessagingError};

/// A session that lasted this long was a good one, even without a delivery.
const GOOD_SESSION: Duration = Duration::from_secs(30);
/// Time for handlers to notice that they are being ended.
const LAST_MOMENT: Duration = Duration::from_secs(1);
/// Time between two signs of life.
const PULSE: Duration = Duration::from_secs(1);

/// Takes messages from one queue and runs a handler for each, or for each batch.
///
/// Never more than `concurrency` handlers run: a place among them is taken before the next delivery
/// is. Connection, channel and consumer are built anew when anything about them fails.
#[derive(Debug)]
pub struct Consumer<H> {
    settings: ConsumerSettings,
    handler: Arc<H>,
    desk: Arc<Desk>,
    health: Arc<ConsumerHealth>,
    places: Arc<Semaphore>,
    running: TaskTracker,
    /// Cancelled when running handlers have had their time.
    ending: CancellationToken,
    deliveries: AtomicU64,
    /// Whether there is a place for the next delivery, and it is awaited.
    waiting: AtomicBool,
}

/// How a consumer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Handlers that were still at work when the drain deadline passed, and were dropped.
    pub unfinished: usize,
}

impl<H: Handler> Consumer<Single<H>> {
    /// A consumer that handles messages one at a time.
    ///
    /// # Errors
    /// [`MessagingError::Url`] when the address is not valid, [`MessagingError::Metric`] when a metric's
    /// name is taken.
    pub fn new(
        mut settings: ConsumerSettings,
        handler: H,
        metrics: &Metrics,
    ) -> Result<Self, MessagingError> {
        settings.batch_size = 1;
        Self::batched(settings, Single(handler), metrics)
    }
}

impl<H: BatchHandler> Consumer<H> {
    /// A consumer that handles messages in batches.
    ///
    /// # Errors
    /// As [`Consumer::new`].
    pub fn batched(
        settings: ConsumerSettings,
        handler: H,
        metrics: &Metrics,
    ) -> Result<Self, MessagingError> {
        settings.amqp.check()?;
        let desk = Desk {
            dead_letters: DeadLetters::new(&settings.amqp, &settings.queue),
            metrics: ConsumerMetrics::new(metrics, settings.queue.name)?,
            limit: settings.amqp.operation_timeout,
            stopping: CancellationToken::new(),
        };
        Ok(Self {
            places: Arc::new(Semaphore::new(usize::from(settings.concurrency.max(1)))),
            handler: Arc::new(handler),
            desk: Arc::new(desk),
            health: Arc::default(),
            running: TaskTracker::new(),
            ending: CancellationToken::new(),
            deliveries: AtomicU64::new(0),
            waiting: AtomicBool::new(false),
            settings,
        })
    }

    /// The health of this consumer, to be asked from elsewhere.
    #[must_use]
    pub fn health(&self) -> Arc<ConsumerHealth> {
        Arc::clone(&self.health)
    }

    /// Consumes until `cancel`, then lets running handlers finish.
    ///
    /// Stopping takes up to the drain deadline and some seconds for closing.
    pub async fn run(self, cancel: CancellationToken) -> Drained {
        tokio::select! {
            drained = self.supervise(&cancel) => drained,
            never = self.pulse() => match never {},
        }
    }

    async fn supervise(&self, cancel: &CancellationToken) -> Drained {
        let mut backoff = Backoff::default();
        loop {
            let opening = cancel.run_until_cancelled(Session::open(&self.settings));
            match opening.await {
                None => return self.drain(None).await,
                Some(Err(error)) => self.note_failure("the consumer could not start", &error),
                Some(Ok(mut session)) => {
                    let opened_at = Instant::now();
                    let before = self.deliveries.load(Ordering::Relaxed);
                    self.note_connected(true);
                    let consuming = cancel.run_until_cancelled(self.consume(&mut session));
                    let ended = consuming.await;
                    self.note_connected(false);
                    let Some(ended) = ended else {
                        return self.drain(Some(session)).await;
                    };
                    self.desk.metrics.rebuilt(ended.cause());
                    self.note_failure("the consumer is built anew", &ended);
                    let worked = self.deliveries.load(Ordering::Relaxed) > before;
                    if worked || opened_at.elapsed() >= GOOD_SESSION {
                        backoff.reset();
                    }
                }
            }
            let pause = tokio::time::sleep(backoff.next());
            if cancel.run_until_cancelled(pause).await.is_none() {
                return self.drain(None).await;
            }
        }
    }

    /// Takes deliveries until the session is over.
    async fn consume(&self, session: &mut Session) -> Ended {
        let lookout = session.lookout();
        let single_active = self.settings.queue.single_active_consumer;
        let mut watchdog = Watchdog::new(self.settings.stale_after, single_active);
        let before = self.deliveries.load(Ordering::Relaxed);
        let watching = async {
            loop {
                let depth = match lookout.look_after(self.settings.watch_interval).await {
                    Ok(depth) => depth,
                    Err(ended) => return ended,
                };
                let look = Look {
                    depth,
                    room: self.waiting.load(Ordering::Relaxed),
                    deliveries: self.deliveries.load(Ordering::Relaxed) - before,
                };
                if watchdog.is_stale(look, Instant::now()) {
                    return Ended::Stale;
                }
            }
        };
        tokio::select! {
            ended = self.take_deliveries(session) => ended,
            ended = watching => ended,
        }
    }

    async fn take_deliveries(&self, session: &mut Session) -> Ended {
        let (most, linger) = (self.settings.batch_size.max(1), self.settings.linger);
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                // The semaphore is never closed.
                return Ended::Cancelled;
            };
            self.waiting.store(true, Ordering::Relaxed);
            let batch = session.next_batch(most, linger).await;
            self.waiting.store(false, Ordering::Relaxed);
            match batch {
                Ok(batch) => self.start(batch, place),
                Err(ended) => return ended,
            }
        }
    }

    fn start(&self, batch: Vec<lapin::message::Delivery>, place: OwnedSemaphorePermit) {
        self.deliveries.fetch_add(1, Ordering::Relaxed);
        self.health.delivered();
        let mut raw = Vec::with_capacity(batch.len());
        let mut messages = Vec::with_capacity(batch.len());
        for mut delivery in batch {
            let message = Delivery::read(&mut delivery, self.settings.queue.name);
            let desk = Arc::clone(&self.desk);
            raw.push(delivery.acker.clone());
            messages.push((message.clone(), Acker::new(delivery.acker, message, desk)));
        }
        let task = Task {
            queue: self.settings.queue.name,
            handler: Arc::clone(&self.handler),
            desk: Arc::clone(&self.desk),
            ending: self.ending.clone(),
            raw,
        };
        self.running.spawn(async move {
            task.run(messages).await;
            drop(place);
        });
    }

    /// Hands back what is not started, waits for what is, and closes.
    async fn drain(&self, session: Option<Session>) -> Drained {
        self.desk.stopping.cancel();
        let mut session = session;
        if let Some(session) = &mut session {
            for _ in 0..session.stop_deliveries().await {
                self.desk.metrics.settled(Outcome::Returned);
            }
        }
        self.running.close();
        let finished = timeout(self.settings.drain_deadline, self.running.wait()).await;
        let unfinished = match finished {
            Ok(()) => 0,
            Err(_elapsed) => self.running.len(),
        };
        if unfinished > 0 {
            let queue = self.settings.queue.name;
            tracing::warn!(queue, unfinished, "handlers did not finish in time and are dropped");
            self.ending.cancel();
            drop(timeout(LAST_MOMENT, self.running.wait()).await);
        }
        self.desk.dead_letters.close().await;
        if let Some(session) = session {
            session.close().await;
        }
        Drained { unfinished }
    }

    /// Shows that this task gets to run.
    async fn pulse(&self) -> Infallible {
        let mut interval = tokio::time::interval(PULSE);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            self.health.tick();
        }
    }

    fn note_connected(&self, connected: bool) {
        self.health.set_connected(connected);
        self.desk.metrics.connected(connected);
        if connected {
            tracing::info!(queue = self.settings.queue.name, "the consumer is registered");
        }
    }

    fn note_failure(&self, what: &str, error: &(dyn std::error::Error + 'static)) {
        tracing::warn!(queue = self.settings.queue.name, error, "{what}");
    }
}
