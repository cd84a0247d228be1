//! What a service supplies: what to do with a message.

use std::future::Future;

use tracing::Instrument;

use crate::{Acker, Delivery, Settled};

/// Handles messages one at a time.
pub trait Handler: Send + Sync + 'static {
    /// Handles one message. It may be a repetition, late, or out of order.
    ///
    /// The handler settles the delivery itself, typically as soon as its claim has committed, and may
    /// go on working: it keeps its place among the concurrent handlers until it returns. A handler
    /// that panics before settling has its message handed back. Runs inside [`Delivery::span`].
    fn handle(&self, delivery: Delivery, acker: Acker) -> impl Future<Output = Settled> + Send;
}

/// Handles messages several at a time.
pub trait BatchHandler: Send + Sync + 'static {
    /// Handles a batch that is never empty. Each delivery is settled by itself; those that are not
    /// when it returns are handed back. One bad message must not spoil the others.
    fn handle(&self, batch: Vec<(Delivery, Acker)>) -> impl Future<Output = ()> + Send;
}

/// A [`Handler`] as a [`BatchHandler`] for batches of one.
#[derive(Debug)]
pub struct Single<H>(pub(crate) H);

impl<H: Handler> BatchHandler for Single<H> {
    async fn handle(&self, batch: Vec<(Delivery, Acker)>) {
        for (delivery, acker) in batch {
            let span = delivery.span();
            let Settled { .. } = self.0.handle(delivery, acker).instrument(span).await;
        }
    }
}
