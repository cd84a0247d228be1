//! The errors of other crates as ours: every variant named, so that a new one cannot slip through.

use connectors::{PlanError, StoreErrorKind};
use contracts::http::FieldError;
use domain::job::SkipReason;
use domain::job::step::Refused;
use packages::{LinkError, PackageError, SealError};
use store::{ControlError, CreateError, ExportQuota, HoldError, PlaceError, StepControlError, StoreError};

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

impl From<HoldError> for ApiError {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::NotFound => Self::NoSuchHold,
            HoldError::Released => Self::WrongState("the hold was released before".to_owned()),
            HoldError::Store(error) => error.into(),
        }
    }
}

impl From<PlaceError> for ApiError {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::KeyReused => Self::KeyReused,
            PlaceError::Store(error) => error.into(),
        }
    }
}

impl From<connectors::StoreError> for ApiError {
    fn from(error: connectors::StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::Unreachable
            | StoreErrorKind::Timeout
            | StoreErrorKind::Cancelled
            | StoreErrorKind::Behind => Self::Unavailable("a subject store is unavailable", Box::new(error)),
            _ if error.is_retryable() => Self::Unavailable("a subject store is unavailable", Box::new(error)),
            StoreErrorKind::Configuration(_)
            | StoreErrorKind::NoDatabase
            | StoreErrorKind::Permission
            | StoreErrorKind::Login
            | StoreErrorKind::Tls(_)
            | StoreErrorKind::BadOrganisation
            | StoreErrorKind::BadValue
            | StoreErrorKind::Schema
            | StoreErrorKind::Abandoned
            | StoreErrorKind::Other => Self::Internal("a subject store failed", Some(Box::new(error))),
        }
    }
}

impl From<PlanError> for ApiError {
    fn from(error: PlanError) -> Self {
        Self::Internal("the data map does not fit the subject store", Some(Box::new(error)))
    }
}

impl From<SealError> for ApiError {
    fn from(error: SealError) -> Self {
        Self::Internal("something could not be sealed", Some(Box::new(error)))
    }
}

impl ApiError {
    /// The export that was to come before an erasure cannot.
    fn no_export_before(detail: String) -> Self {
        Self::Values(vec![FieldError { pointer: "/after_export".to_owned(), detail }])
    }

    /// A command about a step that was not carried out; `allowed` says which steps it is for.
    pub fn step_refused(error: StepControlError, allowed: &'static str) -> Self {
        match error {
            StepControlError::NotFound => Self::NoSuchStep,
            StepControlError::Refused(Refused::Held) => {
                Self::WrongState("a worker is at the step; wait until it has ended it".to_owned())
            }
            StepControlError::Refused(
                Refused::State | Refused::NotDue | Refused::Fenced | Refused::Reason,
            ) => Self::WrongState(allowed.to_owned()),
            StepControlError::Reason(allowed) => Self::unfit_reason(allowed),
            StepControlError::Store(error) => error.into(),
        }
    }

    fn unfit_reason(allowed: &[SkipReason]) -> Self {
        let names: Vec<&str> = allowed.iter().map(|reason| reason.name()).collect();
        let detail = format!("the reason does not fit this step; expected one of `{}`", names.join("`, `"));
        Self::Values(vec![FieldError { pointer: "/reason".to_owned(), detail }])
    }

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
            (CreateError::NoExportBefore, _) => Self::no_export_before(
                "the organisation has no export of all its data with this id; expected the id of one, as `POST /export` answers with".to_owned(),
            ),
            (CreateError::ExportEnded(state), _) => Self::no_export_before(format!(
                "this export is {state}; expected one that is complete or under way"
            )),
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
