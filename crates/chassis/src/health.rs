//! Liveness and readiness.
//!
//! Live means that this process is not wedged, and never that a database or a broker is up:
//! restarting us would not mend those. Ready means that work can be taken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use store::Store;
use tokio_util::sync::CancellationToken;

type Check = (String, Box<dyn Fn() -> bool + Send + Sync>);

/// The checks of one process.
#[derive(Clone, Default)]
pub struct Health {
    ready: Arc<Mutex<Vec<Check>>>,
    live: Arc<Mutex<Vec<Check>>>,
    said: Arc<Mutex<Vec<Check>>>,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Health")
    }
}

impl Health {
    /// Adds something that must hold for the service to take work.
    pub fn ready_when(&self, name: &str, check: impl Fn() -> bool + Send + Sync + 'static) {
        add(&self.ready, name, check);
    }

    /// Adds something that must hold for the process to be let live.
    pub fn live_when(&self, name: &str, check: impl Fn() -> bool + Send + Sync + 'static) {
        add(&self.live, name, check);
    }

    /// Adds something that readiness says while it is so, although work can be taken.
    pub fn say_when(&self, words: &str, check: impl Fn() -> bool + Send + Sync + 'static) {
        add(&self.said, words, check);
    }

    /// What there is to say although work can be taken.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        matching(&self.said, true)
    }

    /// The names of what does not hold although it must for life.
    #[must_use]
    pub fn wedged(&self) -> Vec<String> {
        matching(&self.live, false)
    }

    /// The names of what does not hold although it must for work.
    pub(crate) async fn unready(&self, store: &Store, stopping: &CancellationToken) -> Vec<String> {
        let mut failing = matching(&self.ready, false);
        if stopping.is_cancelled() {
            failing.push("stopping".to_owned());
        }
        match tokio::time::timeout(Duration::from_secs(2), store.missing_migrations()).await {
            Ok(Ok(0)) => {}
            Ok(Ok(_)) => failing.push("migrations".to_owned()),
            _ => failing.push("control database".to_owned()),
        }
        failing
    }
}

fn add(checks: &Mutex<Vec<Check>>, name: &str, check: impl Fn() -> bool + Send + Sync + 'static) {
    checks.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), Box::new(check)));
}

/// The names of the checks that hold, or of those that do not.
fn matching(checks: &Mutex<Vec<Check>>, holds: bool) -> Vec<String> {
    let checks = checks.lock().unwrap_or_else(PoisonError::into_inner);
    checks.iter().filter(|(_, check)| check() == holds).map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
impl Health {
    /// The names of what does not hold although it must for work, as far as this process knows.
    pub(crate) fn failing(&self) -> Vec<String> {
        matching(&self.ready, false)
    }
}
