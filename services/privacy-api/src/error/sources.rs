//! The errors of other crates as ours: every variant named, so that a new one cannot slip through.

use packages::{LinkError, PackageError};
use store::{ControlError, CreateError, StoreError};

use super::ApiError;

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unreachable(_) => {
                Self::Unavailable("the control database is unavailable", Box::new(error))
            }
            StoreError::Query(_) if error.is_retryable() => {
                Self::Unavailable("the control database is unavailable", Box::new(error))
            }
            StoreError::Query(_)
            | StoreError::Config(_)
            | StoreError::Corrupt(_)
            | StoreError::Encode(_)
            | StoreError::Migration(_) => {
                Self::Internal("the control database failed", Some(Box::new(error)))
            }
        }
    }
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::NotFound => Self::NoSuchJob,
            ControlError::Illegal(illegal) => Self::WrongState(illegal.to_string()),
            ControlError::EqualOpen => Self::EqualOpen(None),
            ControlError::Store(error) => error.into(),
        }
    }
}

impl ApiError {
    /// A request that was not accepted; `path` makes a job's path.
    pub fn not_accepted(error: CreateError, path: impl Fn(uuid::Uuid) -> String) -> Self {
        match error {
            CreateError::EqualOpen(job) => Self::EqualOpen(Some(path(job.0))),
            CreateError::KeyReused => Self::KeyReused,
            CreateError::Store(error) => error.into(),
        }
    }
}

impl From<LinkError> for ApiError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Expired => Self::LinkExpired,
            LinkError::Tampered | LinkError::UnknownKey => Self::LinkRefused,
        }
    }
}

impl From<PackageError> for ApiError {
    fn from(error: PackageError) -> Self {
        match error {
            PackageError::NotFound(_) => Self::PackageGone,
            PackageError::Object { .. } => {
                Self::Unavailable("the package store is unavailable", Box::new(error))
            }
            PackageError::Encode(_)
            | PackageError::Key(_)
            | PackageError::StoreUrl(_)
            | PackageError::PartLength { .. }
            | PackageError::EntryPath { .. }
            | PackageError::Compression(_)
            | PackageError::Manifest(_) => {
                Self::Internal("the package cannot be read", Some(Box::new(error)))
            }
        }
    }
}
