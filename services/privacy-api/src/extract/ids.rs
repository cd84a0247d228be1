//! Ids in a path. A text that is no id names nothing.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use domain::id::{JobId, StepNo};
use uuid::Uuid;

use crate::error::ApiError;

/// The job's id in a path.
#[derive(Debug, Clone, Copy)]
pub struct JobPath(pub JobId);

/// The job's id and the step's number in a path.
#[derive(Debug, Clone, Copy)]
pub struct StepPath(pub JobId, pub StepNo);

/// The hold's id in a path.
#[derive(Debug, Clone, Copy)]
pub struct HoldPath(pub Uuid);

impl FromRequest for JobPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(id(request).map(|id| Self(JobId(id))).ok_or(ApiError::NoSuchJob))
    }
}

impl FromRequest for StepPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let text = request.match_info().get("step").unwrap_or_default();
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let step = text.parse().ok().filter(|_| digits);
        let path = id(request).zip(step).map(|(id, step)| Self(JobId(id), StepNo(step)));
        ready(path.ok_or(ApiError::NoSuchStep))
    }
}

impl FromRequest for HoldPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(id(request).map(Self).ok_or(ApiError::NoSuchHold))
    }
}

fn id(request: &HttpRequest) -> Option<Uuid> {
    request.match_info().get("id").and_then(|text| Uuid::try_parse(text).ok())
}
