//! A sign of life with each statement.
//!
//! A step that nobody hears of for a while is taken for one that hangs, and is given up. What takes long in a
//! subject store are many statements one after the other, far below whoever runs the step. So each tells that
//! the one before it has ended, wherever it is sent from: a loop over rows, ranges or keys cannot forget to.

use std::future::Future;
use std::sync::Arc;

tokio::task_local! {
    static BEAT: Arc<dyn Fn() + Send + Sync>;
}

/// Does the work, and calls `beat` before each statement that it sends to a subject store. What the work spawns
/// as tasks of their own is not heard.
pub async fn beating<F: Future>(beat: Arc<dyn Fn() + Send + Sync>, work: F) -> F::Output {
    // On the heap: what a step does is large, and would be moved from frame to frame of a stack that is not.
    BEAT.scope(beat, Box::pin(work)).await
}

/// Tells whoever listens that a statement is about to be sent.
pub(crate) fn beat() {
    // Nobody listens to a check or to a probe.
    BEAT.try_with(|beat| beat()).unwrap_or_default();
}
