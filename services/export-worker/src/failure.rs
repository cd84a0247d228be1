//! Failures of stores and of object storage, as a step reports them.

use chassis::StepError;
use connectors::PlanError;
use domain::job::FailureReason;
use packages::PackageError;

/// A subject store failed.
pub(crate) fn store_failed(error: &connectors::StoreError) -> StepError {
    decide(error.is_retryable(), FailureReason::new(error.kind().code(), error.to_string()))
}

/// The reading of a collection cannot be planned on the schema that is there.
pub(crate) fn plan_failed(error: &PlanError) -> StepError {
    StepError::Permanent(FailureReason::new("store_schema", error.to_string()))
}

/// A package could not be written.
pub(crate) fn package_failed(error: &PackageError) -> StepError {
    let mut detail = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        detail.push_str(": ");
        detail.push_str(&cause.to_string());
        source = cause.source();
    }
    if error.is_storage_full() {
        let advice = "the package store is full; make room there or enlarge it, then retry the job";
        return StepError::Retryable(FailureReason::new("storage_full", format!("{advice} ({detail})")));
    }
    decide(error.is_retryable(), FailureReason::new("package_not_written", detail))
}

/// Something that only another version, or a person, can mend.
pub(crate) fn broken(detail: &str) -> StepError {
    StepError::Permanent(FailureReason::new("step_unreadable", detail))
}

fn decide(retryable: bool, reason: FailureReason) -> StepError {
    if retryable { StepError::Retryable(reason) } else { StepError::Permanent(reason) }
}
