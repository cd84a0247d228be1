//! The errors of other crates as ours: every variant named, so that a new one cannot slip through.

use packages::{LinkError, PackageError};
use store::{ControlError, CreateError, ExportQuota, StoreError};

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
            ControlError::EqualOpen(_) => Self::EqualOpen(None),
            ControlError::Swept => Self::WrongState(
                "what a failed job has read is kept for a day, and that is over; start a new export"
                    .to_owned(),
            ),
            ControlError::Store(error) => error.into(),
        }
    }
}

impl ApiError {
    /// A command that was not carried out; `path` makes a job's path.
    pub fn not_carried_out(error: ControlError, path: impl Fn(uuid::Uuid) -> String) -> Self {
        match error {
            ControlError::EqualOpen(job) => Self::EqualOpen(Some(path(job.0))),
            other => other.into(),
        }
    }

    /// A request that was not accepted under `quota`; `path` makes a job's path.
    pub fn not_accepted(
        error: CreateError,
        quota: Option<ExportQuota>,
        path: impl Fn(uuid::Uuid) -> String,
    ) -> Self {
        match (error, quota) {
            (CreateError::QuotaReached { room_at, now }, Some(quota)) => {
                // Rounded up: a request at the very second must find room.
                let seconds = (room_at - now).num_seconds().saturating_add(1);
                Self::ExportLimit { quota, room_in_seconds: seconds.try_into().unwrap_or(1) }
            }
            (error @ CreateError::QuotaReached { .. }, None) => {
                Self::Internal("a limit was reached that is not set", Some(Box::new(error)))
            }
            (CreateError::EqualOpen(job), _) => Self::EqualOpen(Some(path(job.0))),
            (CreateError::KeyReused, _) => Self::KeyReused,
            (CreateError::Store(error), _) => error.into(),
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
            | PackageError::Damaged { .. }
            | PackageError::EntryPath { .. }
            | PackageError::Compression(_)
            | PackageError::Encryption(_)
            | PackageError::Schema(_)
            | PackageError::Manifest(_) => {
                Self::Internal("the package cannot be read", Some(Box::new(error)))
            }
        }
    }
}
