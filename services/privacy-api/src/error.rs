//! From what went wrong to what the caller is told: the one place with statuses of errors.
//!
//! The detail of a 5xx never comes from its source; the source goes to the log.

use std::time::Duration;

use actix_web::http::{ConnectionType, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use contracts::http::FieldError;
use domain::access::{Permission, Role};
use store::ExportQuota;

use crate::auth::TokenError;
use crate::problem::Draft;

mod headers;
mod sources;

/// Why a request is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The caller is not known.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The caller authenticated too long ago for this, or the token does not say when.
    #[error("the caller did not authenticate recently")]
    NotRecent(Duration),
    /// The caller may not do this.
    #[error("the caller lacks a permission")]
    Forbidden(Permission),
    /// The organisation has no such job; whether another has is not said.
    #[error("there is no such job")]
    NoSuchJob,
    /// The job has no such step, or the organisation no such job.
    #[error("there is no such step")]
    NoSuchStep,
    /// The organisation has no such hold; whether another has is not said.
    #[error("there is no such hold")]
    NoSuchHold,
    /// The job has no plan, or none yet.
    #[error("the job has no plan")]
    PlanNotMade(String),
    /// The cursor leads to no page of this list.
    #[error("the cursor leads nowhere")]
    NoSuchPage,
    /// Parameters of the query are wrong.
    #[error("parameters of the query are wrong")]
    Parameters(Vec<FieldError>),
    /// Members of the body are wrong.
    #[error("the body is wrong")]
    Body(Vec<FieldError>),
    /// Members of the body have the right form and cannot be used all the same.
    #[error("values of the body cannot be used")]
    Values(Vec<FieldError>),
    /// The idempotency key is unusable.
    #[error("the idempotency key is unusable")]
    IdempotencyKey(&'static str),
    /// The body is not JSON.
    #[error("the body is not said to be JSON")]
    MediaType,
    /// The body is too large.
    #[error("the body is too large")]
    TooLarge(usize),
    /// The body did not arrive in time, or not at all.
    #[error("the body did not arrive")]
    BodyMissing,
    /// The idempotency key came with other parameters before.
    #[error("the idempotency key was used with other parameters")]
    KeyReused,
    /// An equal job is open; its path, if it is known.
    #[error("an equal job is open")]
    EqualOpen(Option<String>),
    /// A hold is stored, and not every erasure that is under way knows of it yet.
    #[error("a hold does not bind yet")]
    HoldNotBinding {
        /// The hold's path.
        hold: String,
        /// The path of an erasure that it waits for, if it is known.
        job: Option<String>,
    },
    /// The organisation has asked for as many exports as it may for now.
    #[error("the organisation has reached its export limit")]
    ExportLimit {
        /// What it may.
        quota: ExportQuota,
        /// Seconds until there is room for one more.
        room_in_seconds: u64,
    },
    /// The organisation watches as many jobs as it may at the same time.
    #[error("the organisation has too many event streams open")]
    EventStreams(usize),
    /// The job's state does not allow it.
    #[error("the job's state does not allow it")]
    WrongState(String),
    /// The package has been deleted.
    #[error("the package has been deleted")]
    PackageGone,
    /// A signed link is not one of ours.
    #[error("the link is not one that was issued")]
    LinkRefused,
    /// A signed link was good once.
    #[error("the link has expired")]
    LinkExpired,
    /// The range begins behind the end of the package.
    #[error("the range cannot be satisfied")]
    Range {
        /// The package's size.
        size_bytes: u64,
    },
    /// What erasures need is not set up.
    #[error("what erasures need is not set up")]
    ErasureNotConfigured(&'static str),
    /// There are no keys to seal with.
    #[error("there are no keys to seal with (`service.sealing`)")]
    SealingNotConfigured,
    /// Something that we need is away for a moment.
    #[error("{0}")]
    Unavailable(&'static str, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer took too long.
    #[error("the answer took too long")]
    TimedOut,
    /// A fault of ours.
    #[error("{0}")]
    Internal(&'static str, #[source] Option<Box<dyn std::error::Error + Send + Sync>>),
}

impl ApiError {
    /// What the caller is told.
    fn draft(&self) -> Draft {
        let (name, title) = self.kind();
        let mut draft = Draft::new(name, title, self.detail());
        if let Self::Parameters(errors) | Self::Body(errors) | Self::Values(errors) = self {
            draft.errors.clone_from(errors);
        }
        if let Self::EqualOpen(job) = self {
            draft.job.clone_from(job);
        }
        if let Self::HoldNotBinding { hold, job } = self {
            (draft.hold, draft.job) = (Some(hold.clone()), job.clone());
        }
        draft
    }

    /// The problem's name and title. Both are published: callers compare names.
    fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Token(TokenError::KeysUnavailable(_)) | Self::Unavailable(..) | Self::TimedOut => {
                ("unavailable", "unavailable for a moment")
            }
            Self::Token(_) => ("invalid-token", "not authenticated"),
            Self::NotRecent(_) => ("insufficient-user-authentication", "not authenticated recently"),
            Self::Forbidden(_) => ("missing-role", "not permitted"),
            Self::NoSuchJob => ("no-such-job", "no such job"),
            Self::NoSuchStep => ("no-such-step", "no such step"),
            Self::NoSuchHold => ("no-such-hold", "no such hold"),
            Self::PlanNotMade(_) => ("plan-not-made", "no plan"),
            Self::NoSuchPage => ("no-such-page", "no such page"),
            Self::Parameters(_) => ("invalid-parameters", "invalid parameters"),
            Self::Body(_) => ("invalid-body", "invalid body"),
            Self::Values(_) => ("unusable-values", "unusable values"),
            Self::IdempotencyKey(_) => ("idempotency-key", "no usable Idempotency-Key"),
            Self::MediaType => ("media-type", "unsupported media type"),
            Self::TooLarge(_) => ("body-too-large", "body too large"),
            Self::BodyMissing => ("body-missing", "body missing"),
            Self::KeyReused => ("idempotency-key-reused", "Idempotency-Key used before"),
            Self::EqualOpen(_) => ("equal-job-open", "an equal job is open"),
            Self::HoldNotBinding { .. } => ("hold-not-binding", "the hold does not bind yet"),
            Self::ExportLimit { .. } => ("export-limit", "export limit reached"),
            Self::EventStreams(_) => ("event-streams", "too many event streams"),
            Self::WrongState(_) => ("wrong-state", "not in this state"),
            Self::PackageGone => ("package-expired", "package expired"),
            Self::LinkRefused => ("link-refused", "link refused"),
            Self::LinkExpired => ("link-expired", "link expired"),
            Self::Range { .. } => ("range", "range not satisfiable"),
            Self::ErasureNotConfigured(_) => ("erasure-not-configured", "erasure not set up"),
            Self::SealingNotConfigured => ("sealing-not-configured", "sealing not set up"),
            Self::Internal(..) => ("internal", "internal error"),
        }
    }

    /// What is wrong with this request, and what would be right.
    fn detail(&self) -> String {
        let fixed = match self {
            Self::Token(TokenError::KeysUnavailable(_)) | Self::Unavailable(..) | Self::TimedOut => {
                "something this service needs is unavailable; try again soon"
            }
            Self::Token(error) => return error.to_string(),
            Self::NotRecent(within) => return sign_in_again(*within),
            Self::Forbidden(permission) => return needed(*permission),
            Self::NoSuchJob => "the organisation has no job of this id",
            Self::NoSuchStep => "the organisation has no job of this id with a step of this number",
            Self::NoSuchHold => "the organisation has no legal hold of this id",
            Self::PlanNotMade(detail) | Self::WrongState(detail) => return detail.clone(),
            Self::NoSuchPage => {
                "the cursor is not one of this list with these filters; begin anew without it"
            }
            Self::Parameters(_) => "parameters of the query are wrong; see `errors`",
            Self::Body(_) => "the body is not what is expected; see `errors`",
            Self::Values(_) => "values of the body cannot be used; see `errors`",
            Self::IdempotencyKey(detail) => detail,
            Self::MediaType => "send the body as Content-Type: application/json, not encoded",
            Self::TooLarge(most) => return format!("a body may have {most} bytes at most"),
            Self::BodyMissing => "the body did not arrive whole and in time",
            Self::KeyReused => "this key came with other parameters before; use a new key for a new request",
            Self::EqualOpen(_) => "wait for the open job, or cancel it first",
            Self::HoldNotBinding { .. } => {
                "the hold is stored, but an erasure that is under way may not know of it yet; send the same request with the same Idempotency-Key again until it is answered with 201 (without a key it would be another hold)"
            }
            Self::ExportLimit { quota, .. } => return limit(quota),
            Self::EventStreams(most) => {
                return format!(
                    "the organisation may have {most} event streams open at a time; close one first"
                );
            }
            Self::PackageGone => {
                "the package was kept until its time was over and has been deleted; start a new export to get a new one"
            }
            Self::LinkRefused => "this is not a link that was issued; ask for a new one",
            Self::LinkExpired => "the link has expired; ask for a new one",
            Self::Range { size_bytes } => return format!("the package has {size_bytes} bytes"),
            Self::ErasureNotConfigured(detail) => detail,
            Self::SealingNotConfigured => {
                "what says who a person is would have to be kept sealed, and this service has no keys for that; set `service.sealing`"
            }
            Self::Internal(..) => "something went wrong on our side; the log has it under the request's id",
        };
        fixed.to_owned()
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Token(TokenError::KeysUnavailable(_))
            | Self::Unavailable(..)
            | Self::TimedOut
            | Self::HoldNotBinding { .. }
            | Self::ErasureNotConfigured(_)
            | Self::SealingNotConfigured => StatusCode::SERVICE_UNAVAILABLE,
            Self::Token(_) | Self::NotRecent(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) | Self::LinkRefused => StatusCode::FORBIDDEN,
            Self::NoSuchJob
            | Self::NoSuchStep
            | Self::NoSuchHold
            | Self::PlanNotMade(_)
            | Self::NoSuchPage => StatusCode::NOT_FOUND,
            Self::Parameters(_) | Self::Body(_) | Self::IdempotencyKey(_) => StatusCode::BAD_REQUEST,
            Self::BodyMissing => StatusCode::REQUEST_TIMEOUT,
            Self::ExportLimit { .. } | Self::EventStreams(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::EqualOpen(_) | Self::WrongState(_) => StatusCode::CONFLICT,
            Self::PackageGone | Self::LinkExpired => StatusCode::GONE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Range { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::KeyReused | Self::Values(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Internal(..) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        headers::add(self, response.headers_mut());
        if matches!(self, Self::TooLarge(_) | Self::BodyMissing) {
            // What is left of the body would be read as the next request.
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        response.extensions_mut().insert(self.draft());
        response
    }
}

fn limit(ExportQuota { count, period }: &ExportQuota) -> String {
    let hours = period.as_secs_f64() / 3_600.0;
    format!(
        "the organisation may ask for {count} exports within {hours:.1} hours; `Retry-After` says when there is room"
    )
}

fn sign_in_again(within: Duration) -> String {
    let minutes = within.as_secs_f64() / 60.0;
    format!(
        "this needs a sign-in of the last {minutes:.0} minutes, by the token's claim `auth_time`; sign in again and use the new token"
    )
}

fn needed(permission: Permission) -> String {
    let roles: Vec<&str> =
        Role::ALL.into_iter().filter(|role| role.grants(permission)).map(Role::name).collect();
    format!("this needs the role {}", roles.join(" or "))
}
