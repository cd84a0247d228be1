//! What a worker supplies: how to run a step.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::job::law::Conclusion;
use domain::job::{FailureReason, JobState};
use store::{Claimed, CollectionAmount, Produced, StoreError};

/// Runs the steps of one service.
pub trait StepRunner: Send + Sync + 'static {
    /// Runs one step that this process holds. The future may be dropped at any await: the step was
    /// lost, or the process stops. Whatever it wrote by then must not matter.
    fn run(
        &self,
        step: &Claimed,
        progress: &StepProgress,
    ) -> impl Future<Output = Result<Produced, StepError>> + Send;

    /// Called after the end of a step that ended well has been written, with the job's state then.
    /// For tidying up: it may be missed when the process dies, and nothing may depend on it.
    fn ended(
        &self,
        _step: &Claimed,
        _produced: &Produced,
        _job: &JobState,
    ) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// Why a step did not end well, or has yet to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepError {
    /// Trying again may help.
    Retryable(FailureReason),
    /// Trying again may help, but whoever was asked wants to be left alone for so long.
    PutOff(FailureReason, Duration),
    /// Trying again cannot help.
    Permanent(FailureReason),
    /// Nothing can be done before something else has happened; the step looks again after a pause. That is
    /// no failure and no attempt.
    Waiting(FailureReason),
    /// A legal hold stands in the way: the job is on hold until one of the organisation's is released.
    OnHold(FailureReason),
}

impl StepError {
    /// What people are told.
    #[must_use]
    pub fn reason(&self) -> &FailureReason {
        match self {
            Self::Retryable(reason)
            | Self::PutOff(reason, _)
            | Self::Permanent(reason)
            | Self::Waiting(reason)
            | Self::OnHold(reason) => reason,
        }
    }

    /// Whether something went wrong; otherwise it only waits.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Retryable(_) | Self::PutOff(..) | Self::Permanent(_) => true,
            Self::Waiting(_) | Self::OnHold(_) => false,
        }
    }
}

impl StepError {
    /// The control database failed a step that had to ask it. What passes by itself costs no attempt: the step
    /// looks again after a pause. A statement that failed otherwise is tried again, and attempts are counted:
    /// not everything that a server says is understood.
    #[must_use]
    pub fn control_failed(error: &StoreError) -> Self {
        let reason = |code: &str| FailureReason::new(code, error.to_string());
        if error.is_retryable() {
            return Self::Waiting(reason("control_unreachable"));
        }
        match error {
            StoreError::Query(_) | StoreError::Unreachable(_) => Self::Retryable(reason("control_refused")),
            StoreError::Config(_)
            | StoreError::Corrupt(_)
            | StoreError::Encode(_)
            | StoreError::Migration(_) => Self::Permanent(reason("control_unreadable")),
        }
    }
}

impl From<StepError> for Conclusion {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Retryable(reason) => Self::Retryable(reason),
            StepError::PutOff(reason, wait) => Self::PutOff(reason, wait),
            StepError::Permanent(reason) => Self::Permanent(reason),
            StepError::Waiting(reason) => Self::Waiting(reason),
            StepError::OnHold(reason) => Self::OnHold(reason),
        }
    }
}

/// How far a running step is, shared with the heartbeat that reports it.
#[derive(Debug, Default)]
pub struct StepProgress {
    pulse: Arc<AtomicU64>,
    amounts: Mutex<BTreeMap<String, CollectionAmount>>,
}

impl StepProgress {
    /// Says that the step is alive although it has nothing new to show.
    pub fn pulse(&self) {
        self.pulse.fetch_add(1, Ordering::Relaxed);
    }

    /// Says so from where the progress itself cannot be taken along.
    #[must_use]
    pub fn beat(&self) -> Arc<dyn Fn() + Send + Sync> {
        let pulse = Arc::clone(&self.pulse);
        Arc::new(move || {
            pulse.fetch_add(1, Ordering::Relaxed);
        })
    }

    /// Says how far a collection is: rows read and bytes written so far in this attempt.
    pub fn set(&self, collection: &str, rows: u64, bytes: u64) {
        let amount = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let mut amounts = self.amounts.lock().unwrap_or_else(PoisonError::into_inner);
        match amounts.get_mut(collection) {
            Some(known) => (known.rows, known.bytes) = (amount(rows), amount(bytes)),
            None => {
                let new = CollectionAmount {
                    collection: collection.to_owned(),
                    rows: amount(rows),
                    bytes: amount(bytes),
                };
                amounts.insert(collection.to_owned(), new);
            }
        }
        drop(amounts);
        self.pulse();
    }

    /// How far every collection is.
    #[must_use]
    pub fn amounts(&self) -> Vec<CollectionAmount> {
        self.amounts.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// How often the step has said that it is alive.
    #[must_use]
    pub fn beats(&self) -> u64 {
        self.pulse.load(Ordering::Relaxed)
    }
}
