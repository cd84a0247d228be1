//! Sets aside what nobody can use, with the reason.
//!
//! Rejecting a delivery moves it to the dead-letter queue too, but leaves no room for a reason. So a
//! copy with the reason is published and confirmed before the original is acknowledged.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, oneshot};
use uuid::Uuid;

use crate::publisher::Outgoing;
use crate::topology::DEAD;
use crate::{AmqpConfig, Delivery, MessagingError, PublishError, Publisher, QueueSpec};

/// Header with the reason a message was set aside.
pub const REASON_HEADER: &str = "x-lethe-reason";
/// Header with the queue it was set aside from.
pub const QUEUE_HEADER: &str = "x-lethe-queue";
/// Header with the id it came with, if that was not a UUID.
pub const ORIGINAL_ID_HEADER: &str = "x-lethe-original-message-id";
/// Longest reason kept, in characters.
const LONGEST_REASON: usize = 500;

/// Why a copy could not be set aside.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeadLetterError {
    #[error("could not connect for dead-lettering")]
    Connect(#[source] Arc<MessagingError>),
    #[error("could not publish the dead letter")]
    Publish(#[source] PublishError),
    #[error("the handler that was publishing for others ended first")]
    Abandoned,
}

/// Publishes dead letters of one queue, over a connection that is opened when first needed.
///
/// Handlers that come while one publishes wait for it, and the first of them then publishes for all:
/// a queue full of garbage is emptied at the pace of batches, not of single confirms.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    config: AmqpConfig,
    routing_key: String,
    waiting: Mutex<Vec<Waiting>>,
    publisher: AsyncMutex<Option<Publisher>>,
}

/// A copy and whom to tell.
#[derive(Debug)]
struct Waiting {
    copy: Outgoing,
    done: oneshot::Sender<Result<(), DeadLetterError>>,
}

impl DeadLetters {
    pub(crate) fn new(config: &AmqpConfig, queue: &QueueSpec) -> Self {
        Self {
            config: config.named("dead-letters"),
            routing_key: queue.dead_letter_queue(),
            waiting: Mutex::default(),
            publisher: AsyncMutex::default(),
        }
    }

    /// Publishes a copy of `delivery` with `reason`, and returns when the broker has it.
    pub(crate) async fn publish(&self, delivery: &Delivery, reason: &str) -> Result<(), DeadLetterError> {
        let copy = copy(delivery, reason, &self.routing_key);
        let (done, answer) = oneshot::channel();
        self.queue().push(Waiting { copy, done });
        let mut kept = self.publisher.lock().await;
        // Empty when another handler has published this copy with its own.
        let batch = std::mem::take(&mut *self.queue());
        if !batch.is_empty() {
            self.publish_all(batch, &mut kept).await;
        }
        drop(kept);
        answer.await.unwrap_or(Err(DeadLetterError::Abandoned))
    }

    /// Closes the connection if one was opened.
    pub(crate) async fn close(&self) {
        if let Some(publisher) = self.publisher.lock().await.take() {
            publisher.close().await;
        }
    }

    async fn publish_all(&self, batch: Vec<Waiting>, kept: &mut Option<Publisher>) {
        let (copies, done): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.copy, waiting.done)).unzip();
        let mut publisher = match self.connected(kept).await {
            Ok(publisher) => publisher,
            Err(error) => {
                let error = Arc::new(error);
                for done in done {
                    drop(done.send(Err(DeadLetterError::Connect(Arc::clone(&error)))));
                }
                return;
            }
        };
        let outcomes = publisher.publish_batch(&copies).await;
        *kept = Some(publisher);
        for (done, outcome) in done.into_iter().zip(outcomes) {
            // A handler that was ended meanwhile does not listen any more.
            drop(done.send(outcome.map_err(DeadLetterError::Publish)));
        }
    }

    async fn connected(&self, kept: &mut Option<Publisher>) -> Result<Publisher, MessagingError> {
        match kept.take().filter(Publisher::usable) {
            Some(publisher) => Ok(publisher),
            None => Publisher::connect(&self.config).await,
        }
    }

    fn queue(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The copy carries what is text and known to us. Properties such as an expiry, a user or further
/// recipients are left behind: they would make the broker lose, refuse or spread it.
fn copy(delivery: &Delivery, reason: &str, routing_key: &str) -> Outgoing {
    let mut headers = delivery.headers.clone();
    let own_id = delivery.message_id.as_deref().map(Uuid::try_parse);
    let message_id = match own_id {
        Some(Ok(id)) => id,
        _ => Uuid::new_v4(),
    };
    if let (Some(Err(_)), Some(id)) = (own_id, &delivery.message_id) {
        headers.insert(ORIGINAL_ID_HEADER.to_owned(), id.clone());
    }
    let reason = reason.chars().take(LONGEST_REASON).collect();
    headers.insert(REASON_HEADER.to_owned(), reason);
    headers.insert(QUEUE_HEADER.to_owned(), delivery.queue.to_owned());
    Outgoing {
        message_id,
        exchange: DEAD.to_owned(),
        routing_key: routing_key.to_owned(),
        kind: delivery.kind.clone().unwrap_or_default(),
        body: delivery.body.to_vec(),
        headers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn delivery(message_id: Option<&str>) -> Delivery {
        Delivery {
            body: Bytes::from_static(b"body"),
            message_id: message_id.map(str::to_owned),
            kind: None,
            headers: [("traceparent".to_owned(), "00-a".to_owned())].into(),
            redelivered: false,
            delivery_count: 0,
            queue: "q",
        }
    }

    #[test]
    fn a_copy_keeps_id_body_and_headers() {
        let id = Uuid::new_v4();
        let copy = copy(&delivery(Some(&id.to_string())), "no such kind", "q.dead-letter");
        assert_eq!(copy.message_id, id);
        assert_eq!(copy.body, b"body");
        assert_eq!(copy.headers["traceparent"], "00-a");
        assert_eq!(copy.headers[REASON_HEADER], "no such kind");
        assert_eq!(copy.headers[QUEUE_HEADER], "q");
        assert!(!copy.headers.contains_key(ORIGINAL_ID_HEADER));
    }

    #[test]
    fn a_foreign_id_is_kept_beside_a_new_one() {
        let copy_ = copy(&delivery(Some("not a uuid")), "r", "k");
        assert_eq!(copy_.headers[ORIGINAL_ID_HEADER], "not a uuid");
        assert!(!copy(&delivery(None), "r", "k").headers.contains_key(ORIGINAL_ID_HEADER));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let copy = copy(&delivery(None), &"ü".repeat(1000), "k");
        assert_eq!(copy.headers[REASON_HEADER].chars().count(), LONGEST_REASON);
    }
}
