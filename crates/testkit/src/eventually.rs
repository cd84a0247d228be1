//! Waiting for something to happen, never for time to pass.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// Time enough for anything that must happen, on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `condition` holds; panics naming `what` when it does not within `deadline`.
pub async fn eventually(deadline: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) {
    eventually_some(deadline, what, async || condition().await.then_some(())).await;
}

/// Waits until `look` finds something, and answers it; panics naming `what` when it does not within
/// `deadline`. A look that does not end counts as one that finds nothing.
pub async fn eventually_some<T>(
    deadline: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        match timeout_at(end, look()).await {
            Ok(Some(found)) => return found,
            Ok(None) if Instant::now() < end => sleep(PAUSE).await,
            _ => panic!("did not happen within {deadline:?}: {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn it_returns_what_it_found_as_soon_as_it_is_there() {
        let mut looks = 0;
        let found = eventually_some(PATIENCE, "the third look", async || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found.await, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "did not happen within 100ms: the impossible")]
    async fn it_names_what_did_not_happen() {
        eventually(SOON, "the impossible", async || false).await;
    }

    #[tokio::test]
    #[should_panic(expected = "did not happen within 100ms: an answer")]
    async fn a_look_that_hangs_does_not_hang_the_test() {
        eventually(SOON, "an answer", async || std::future::pending().await).await;
    }
}
