//! One look at each watched job, however many watch it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use domain::id::{JobId, OrganisationId};
use store::Store;
use tokio::sync::watch;

use super::snapshot::{Snapshot, Watching};

/// Between two looks at a job that moves.
const SHORTEST_WAIT: Duration = Duration::from_millis(250);
/// Between two looks at a job that stands still; reached after a few of them.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What was last seen of a job; nothing before the first look.
type Seen = Option<Arc<Snapshot>>;
type Key = (OrganisationId, JobId);
type Jobs = Arc<Mutex<HashMap<Key, Arc<watch::Sender<Seen>>>>>;

/// Looks at jobs for whoever watches them.
///
/// A job is looked at by one task from its first watcher to its last, and never by two: whoever
/// watches joins the task under the same lock under which it ends.
#[derive(Debug)]
pub struct Hub {
    store: Store,
    jobs: Jobs,
}

impl Hub {
    pub(super) fn new(store: Store) -> Self {
        Self { store, jobs: Arc::default() }
    }

    /// Watches a job of the organisation. The sender ends with the job, and when it can no longer
    /// be looked at.
    #[must_use]
    pub fn watch(&self, organisation: &OrganisationId, job: JobId) -> watch::Receiver<Seen> {
        let key = (organisation.clone(), job);
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = jobs.get(&key) {
            return sender.subscribe();
        }
        let sender = Arc::new(watch::Sender::new(None));
        let receiver = sender.subscribe();
        jobs.insert(key.clone(), Arc::clone(&sender));
        let task = Task { key, sender, jobs: Arc::clone(&self.jobs) };
        tokio::spawn(task.run(self.store.clone()));
        receiver
    }

    /// How many jobs are being looked at.
    #[must_use]
    pub fn watched(&self) -> usize {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// The task that looks at one job. However it ends, nobody can join it afterwards.
struct Task {
    key: Key,
    sender: Arc<watch::Sender<Seen>>,
    jobs: Jobs,
}

impl Task {
    async fn run(self, store: Store) {
        let mut watching = Watching::default();
        let mut wait = SHORTEST_WAIT;
        loop {
            let (organisation, job) = &self.key;
            let glance = match store.job_glance(organisation, *job, watching.known()).await {
                Ok(Some(glance)) => glance,
                Ok(None) => return,
                Err(error) => {
                    // The streams end with this; those who come back are told what is the matter.
                    tracing::warn!(error = telemetry::as_error(&error), "a watched job cannot be looked at");
                    return;
                }
            };
            match watching.take(glance, Instant::now(), Utc::now()) {
                Some(snapshot) => {
                    let last = snapshot.is_last();
                    self.sender.send_replace(Some(Arc::new(snapshot)));
                    if last {
                        return;
                    }
                    wait = SHORTEST_WAIT;
                }
                None => wait = wait.saturating_mul(3).checked_div(2).unwrap_or(wait).min(LONGEST_WAIT),
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.sender.closed() => if self.leave() { return },
            }
        }
    }

    /// Ends the task unless somebody has joined it meanwhile.
    fn leave(&self) -> bool {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if self.sender.receiver_count() > 0 {
            return false;
        }
        jobs.remove(&self.key);
        true
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.get(&self.key).is_some_and(|sender| Arc::ptr_eq(sender, &self.sender)) {
            jobs.remove(&self.key);
        }
    }
}
