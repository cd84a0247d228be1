//! One handler at work: whatever it does, its messages are settled and its place becomes free.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::acker::Desk;
use crate::metrics::Outcome;
use crate::{Acker, BatchHandler, Delivery};

/// One run of the handler.
pub(crate) struct Task<H> {
    pub(crate) queue: &'static str,
    pub(crate) handler: Arc<H>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) ending: CancellationToken,
    /// The same acknowledgements the handler has, to settle what it leaves behind.
    pub(crate) raw: Vec<lapin::Acker>,
}

impl<H: BatchHandler> Task<H> {
    /// Runs the handler to its end, a panic or `ending`, and settles what it has not.
    pub(crate) async fn run(self, batch: Vec<(Delivery, Acker)>) {
        let running = self.desk.metrics.running();
        let timer = self.desk.metrics.seconds.start_timer();
        let work = AssertUnwindSafe(self.handler.handle(batch)).catch_unwind();
        let left_behind = match self.ending.run_until_cancelled(work).await {
            Some(Ok(())) | None => Outcome::Abandoned,
            Some(Err(_payload)) => {
                // What it says may hold personal data; the panic hook has seen it.
                tracing::error!(queue = self.queue, "a handler panicked");
                Outcome::Panicked
            }
        };
        timer.observe_duration();
        for raw in &self.raw {
            self.desk.hand_back(raw, left_behind).await;
        }
        drop(running);
    }
}
