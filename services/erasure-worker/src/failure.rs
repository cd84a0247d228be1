//! Failures of stores and of the work itself, as a step reports them.

use chassis::StepError;
use connectors::PlanError;
use connectors::erase::EraseError;
use domain::job::FailureReason;

/// A subject store failed.
pub(crate) fn store_failed(error: &connectors::StoreError) -> StepError {
    decide(error.is_retryable(), FailureReason::new(error.kind().code(), error.to_string()))
}

/// A subject store does not take, or show, what planning tries on it. Only what passes by itself is tried
/// again; anything else has to be mended first.
pub(crate) fn trial_failed(error: &connectors::StoreError, told: &str) -> StepError {
    match error.is_retryable() {
        true => store_failed(error),
        false => refused("erasure_refused", format!("nothing was erased: {told} ({error})")),
    }
}

/// A batch was not done, or it is not known whether it was.
pub(crate) fn erase_failed(error: &EraseError) -> StepError {
    match error {
        EraseError::Store(error) => store_failed(error),
        EraseError::Disturbed(_) => retry_later("disturbed", error.to_string()),
        EraseError::Unplanned(_) => retry_later("unplanned_changes", error.to_string()),
        EraseError::MoreThanPlanned { .. } => refused("more_than_planned", error.to_string()),
    }
}

/// Something cannot be planned on the schema that is there.
pub(crate) fn plan_failed(error: &PlanError) -> StepError {
    StepError::Permanent(FailureReason::new("store_schema", error.to_string()))
}

/// The control database failed.
pub(crate) fn control_failed(error: &store::StoreError) -> StepError {
    StepError::control_failed(error)
}

/// Something that only another version, or a person, can mend.
pub(crate) fn broken(detail: &str) -> StepError {
    StepError::Permanent(FailureReason::new("step_unreadable", detail))
}

/// Something stands in the way, and nothing was done.
pub(crate) fn refused(code: &str, detail: impl Into<String>) -> StepError {
    StepError::Permanent(FailureReason::new(code, detail))
}

/// A legal hold is in the way: the job waits for its release.
pub(crate) fn on_hold(detail: impl Into<String>) -> StepError {
    StepError::OnHold(FailureReason::new("hold_placed_late", detail))
}

/// Somebody else has to be done first, however long that takes.
pub(crate) fn waiting(code: &str, detail: impl Into<String>) -> StepError {
    StepError::Waiting(FailureReason::new(code, detail))
}

/// Something is away; trying again may help.
pub(crate) fn retry_later(code: &str, detail: impl Into<String>) -> StepError {
    StepError::Retryable(FailureReason::new(code, detail))
}

fn decide(retryable: bool, reason: FailureReason) -> StepError {
    if retryable { StepError::Retryable(reason) } else { StepError::Permanent(reason) }
}

#[cfg(test)]
mod tests {
    use diesel::result::{DatabaseErrorKind, Error};

    use super::*;

    #[test]
    fn a_control_database_that_goes_down_costs_no_attempt_and_ends_no_step_for_good() {
        for (kind, message) in [
            (DatabaseErrorKind::Unknown, "terminating connection due to administrator command"),
            (DatabaseErrorKind::Unknown, "terminating connection because of crash of another server process"),
            (DatabaseErrorKind::Unknown, "deadlock detected"),
            (DatabaseErrorKind::ReadOnlyTransaction, "cannot execute UPDATE in a read-only transaction"),
            (DatabaseErrorKind::UnableToSendCommand, "connection closed"),
        ] {
            let gone = Error::DatabaseError(kind, Box::new(message.to_owned()));
            assert!(matches!(control_failed(&gone.into()), StepError::Waiting(_)), "{message}");
        }
        let other =
            Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new("permission denied".to_owned()));
        assert!(matches!(control_failed(&other.into()), StepError::Retryable(_)));
        let corrupt = store::StoreError::Corrupt("a row".to_owned());
        assert!(matches!(control_failed(&corrupt), StepError::Permanent(_)));
    }
}
