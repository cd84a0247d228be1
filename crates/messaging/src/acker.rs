//! The duty to settle a delivery, as a value.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};
use tokio_util::sync::CancellationToken;

use crate::dead_letter::{DeadLetterError, DeadLetters};
use crate::metrics::{ConsumerMetrics, Outcome};
use crate::{Delivery, DeliveryLost};

/// Longest pause before a message is handed back, however often that has happened.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Proof that a delivery was settled, or is known to be lost. Only an [`Acker`] makes one.
#[derive(Debug)]
#[must_use = "a handler returns it"]
pub struct Settled(());

impl From<DeliveryLost> for Settled {
    /// A delivery that is lost needs no settling: the broker has already taken it back.
    fn from(_lost: DeliveryLost) -> Self {
        Self(())
    }
}

/// What all deliveries of one consumer need to be settled.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) dead_letters: DeadLetters,
    pub(crate) metrics: ConsumerMetrics,
    pub(crate) limit: Duration,
    /// Cancelled when the consumer stops.
    pub(crate) stopping: CancellationToken,
}

/// Settles one delivery, once. Dropped unused, the runtime hands the message back.
#[derive(Debug)]
#[must_use = "a delivery that is not settled is handed back to the queue"]
pub struct Acker {
    raw: lapin::Acker,
    /// A second view of the message, for a dead letter.
    delivery: Delivery,
    desk: Arc<Desk>,
}

impl Acker {
    pub(crate) fn new(raw: lapin::Acker, delivery: Delivery, desk: Arc<Desk>) -> Self {
        Self { raw, delivery, desk }
    }

    /// Tells the broker to forget the message. Work may go on afterwards.
    ///
    /// # Errors
    /// [`DeliveryLost`] when the channel is gone: the message will come again.
    pub async fn ack(self) -> Result<Settled, DeliveryLost> {
        let request = self.raw.ack(BasicAckOptions::default());
        self.desk.settle(request, Outcome::Acknowledged).await
    }

    /// Hands the message back after a pause, which keeps the handler's place occupied, so that a
    /// dependency that is away is not hammered.
    ///
    /// The pause doubles with every time the message has come back, up to a minute, because the
    /// broker dead-letters it after its delivery limit: with the first pause of a second, an
    /// outage of a quarter of an hour burns no message. It ends at once when the consumer stops.
    pub async fn requeue_after(self, pause: Duration) -> Settled {
        let pause = grown(pause, self.delivery.delivery_count);
        let stopping = &self.desk.stopping;
        stopping.run_until_cancelled(tokio::time::sleep(pause)).await;
        let request = self.raw.nack(requeue());
        let outcome = self.desk.settle(request, Outcome::Requeued).await;
        outcome.unwrap_or_else(Settled::from)
    }

    /// Sets the message aside in the queue's dead-letter queue with a reason, which must be free of
    /// personal data. When that fails the broker sets it aside without the reason.
    pub async fn dead_letter(self, reason: &str) -> Settled {
        let published = self.desk.dead_letters.publish(&self.delivery, reason).await;
        self.note(reason, &published);
        let settled = if published.is_ok() {
            let request = self.raw.ack(BasicAckOptions::default());
            self.desk.settle(request, Outcome::DeadLettered).await
        } else {
            let request = self.raw.reject(BasicRejectOptions { requeue: false });
            self.desk.settle(request, Outcome::Rejected).await
        };
        settled.unwrap_or_else(Settled::from)
    }

    fn note(&self, reason: &str, published: &Result<(), DeadLetterError>) {
        let queue = self.delivery.queue;
        match published {
            Ok(()) => tracing::warn!(queue, reason, "a message was dead-lettered"),
            Err(error) => {
                let error: &(dyn std::error::Error + 'static) = error;
                tracing::error!(queue, reason, error, "a message is rejected without its reason");
            }
        }
    }
}

/// Acknowledges several deliveries at once; the answers are in the same order.
pub async fn ack_all(ackers: Vec<Acker>) -> Vec<Result<Settled, DeliveryLost>> {
    futures::future::join_all(ackers.into_iter().map(Acker::ack)).await
}

impl Desk {
    /// Awaits one request about a delivery. Anything but a clear yes means that it is lost.
    async fn settle(
        &self,
        request: impl Future<Output = lapin::Result<bool>>,
        outcome: Outcome,
    ) -> Result<Settled, DeliveryLost> {
        match tokio::time::timeout(self.limit, request).await {
            Ok(Ok(true)) => {
                self.metrics.settled(outcome);
                Ok(Settled(()))
            }
            Ok(Ok(false) | Err(_)) | Err(_) => {
                self.metrics.settled(Outcome::Lost);
                Err(DeliveryLost)
            }
        }
    }

    /// Hands back a delivery nobody settled. Says whether there was anything to hand back.
    pub(crate) async fn hand_back(&self, raw: &lapin::Acker, outcome: Outcome) -> bool {
        let unsettled = raw.usable();
        if unsettled {
            // Lost or handed back, the broker delivers it again.
            drop(self.settle(raw.nack(requeue()), outcome).await);
        }
        unsettled
    }
}

fn requeue() -> BasicNackOptions {
    BasicNackOptions { multiple: false, requeue: true }
}

fn grown(pause: Duration, times: u32) -> Duration {
    let factor = 2_u32.saturating_pow(times);
    pause.saturating_mul(factor).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_grows_to_a_minute_and_no_further() {
        let pauses: Vec<u64> = (0..20).map(|times| grown(Duration::from_secs(1), times).as_secs()).collect();
        assert_eq!(pauses[..7], [1, 2, 4, 8, 16, 32, 60]);
        assert!(pauses[7..].iter().all(|pause| *pause == 60));
        assert!(pauses.iter().sum::<u64>() > 14 * 60);
        assert_eq!(grown(Duration::ZERO, u32::MAX), Duration::ZERO);
    }
}
