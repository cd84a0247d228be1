//! Headers that say more of an error than its status does.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::ApiError;
use crate::auth::TokenError;

/// Seconds after which a request that found something unavailable may be sent again.
const RETRY_AFTER_SECONDS: u64 = 5;
/// How the limit on exports is called in its headers.
const EXPORTS: &str = "exports";

/// Adds what belongs to this error.
pub(super) fn add(error: &ApiError, headers: &mut HeaderMap) {
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    match error {
        ApiError::Token(TokenError::KeysUnavailable(_))
        | ApiError::Unavailable(..)
        | ApiError::TimedOut
        | ApiError::EventStreams(_) => set(header::RETRY_AFTER, RETRY_AFTER_SECONDS.to_string()),
        ApiError::HoldNotBinding { hold, .. } => {
            set(header::RETRY_AFTER, RETRY_AFTER_SECONDS.to_string());
            set(header::LOCATION, hold.clone());
        }
        ApiError::Token(TokenError::Missing) => set(header::WWW_AUTHENTICATE, "Bearer".to_owned()),
        ApiError::Token(_) => set(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"".to_owned()),
        // RFC 9470, 3.
        ApiError::NotRecent(within) => {
            let (error, seconds) = ("insufficient_user_authentication", within.as_secs());
            set(header::WWW_AUTHENTICATE, format!("Bearer error=\"{error}\", max_age=\"{seconds}\""));
        }
        ApiError::Forbidden(_) => {
            set(header::WWW_AUTHENTICATE, "Bearer error=\"insufficient_scope\"".to_owned());
        }
        ApiError::EqualOpen(Some(path)) => set(header::LOCATION, path.clone()),
        // draft-ietf-httpapi-ratelimit-headers-11: the policy, and what is left of it.
        ApiError::ExportLimit { quota, room_in_seconds } => {
            let (count, window) = (quota.count, quota.period.as_secs());
            set(header::RETRY_AFTER, room_in_seconds.to_string());
            set(HeaderName::from_static("ratelimit-policy"), format!("\"{EXPORTS}\";q={count};w={window}"));
            set(HeaderName::from_static("ratelimit"), format!("\"{EXPORTS}\";r=0;t={room_in_seconds}"));
        }
        ApiError::MediaType => set(header::ACCEPT, "application/json".to_owned()),
        ApiError::Range { size_bytes } => set(header::CONTENT_RANGE, format!("bytes */{size_bytes}")),
        ApiError::NoSuchJob
        | ApiError::NoSuchStep
        | ApiError::NoSuchHold
        | ApiError::PlanNotMade(_)
        | ApiError::NoSuchPage
        | ApiError::TooLarge(_)
        | ApiError::BodyMissing
        | ApiError::Parameters(_)
        | ApiError::Body(_)
        | ApiError::IdempotencyKey(_)
        | ApiError::KeyReused
        | ApiError::Values(_)
        | ApiError::EqualOpen(None)
        | ApiError::WrongState(_)
        | ApiError::PackageGone
        | ApiError::LinkRefused
        | ApiError::LinkExpired
        | ApiError::ErasureNotConfigured(_)
        | ApiError::SealingNotConfigured
        | ApiError::Internal(..) => {}
    }
}
