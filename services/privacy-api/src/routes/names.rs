//! What a caller calls a job: checked before anything is accepted, since it is kept in the clear.

use contracts::http::FieldError;
use domain::job::{BadName, JobName, JobNames};

use crate::error::ApiError;

/// The names that two members of a body give.
///
/// # Errors
/// [`ApiError::Values`] naming the member that is wrong; no value is repeated.
pub(super) fn parse(label: Option<&str>, external_reference: Option<&str>) -> Result<JobNames, ApiError> {
    let one = |pointer: &str, text: Option<&str>| {
        text.map(JobName::parse).transpose().map_err(|bad| wrong(pointer, bad))
    };
    Ok(JobNames {
        label: one("/label", label)?,
        external_reference: one("/external_reference", external_reference)?,
    })
}

/// Refuses names that say who the job is about.
pub(super) fn must_not_tell(names: &JobNames, identity: &str) -> Result<(), ApiError> {
    for (pointer, name) in [("/label", &names.label), ("/external_reference", &names.external_reference)] {
        if name.as_ref().is_some_and(|name| name.tells(identity)) {
            return Err(wrong(pointer, BadName::Person));
        }
    }
    Ok(())
}

fn wrong(pointer: &str, bad: BadName) -> ApiError {
    ApiError::Values(vec![FieldError { pointer: pointer.to_owned(), detail: bad.to_string() }])
}
