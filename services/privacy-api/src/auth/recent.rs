//! An argument that says that the caller authenticated a short while ago (step-up, RFC 9470).

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use chrono::{DateTime, TimeDelta, Utc};

use super::caller::Caller;
use super::error::TokenError;
use super::issuer::LEEWAY_SECONDS;
use crate::error::ApiError;
use crate::state::ApiState;

/// The caller authenticated within the time that the settings name. A handler that takes it cannot
/// run with a token that lay about.
#[derive(Debug, Clone, Copy)]
pub struct RecentlyAuthenticated(());

impl FromRequest for RecentlyAuthenticated {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        let within = request.app_data::<web::Data<ApiState>>().map(|state| state.recent_within);
        ready(check(caller, within.unwrap_or_default()))
    }
}

fn check(caller: Option<Caller>, within: Duration) -> Result<RecentlyAuthenticated, ApiError> {
    let caller = caller.ok_or(TokenError::Missing)?;
    match caller.authenticated_at.is_some_and(|at| recent(at, Utc::now(), within)) {
        true => Ok(RecentlyAuthenticated(())),
        false => Err(ApiError::NotRecent(within)),
    }
}

/// Clocks may differ, so that it may seem to be a little in the future; never older than allowed.
fn recent(at: DateTime<Utc>, now: DateTime<Utc>, within: Duration) -> bool {
    let Ok(within) = TimeDelta::from_std(within) else { return false };
    let leeway = Duration::from_secs(LEEWAY_SECONDS);
    let age = now - at;
    age <= within && TimeDelta::from_std(leeway).is_ok_and(|leeway| -age <= leeway)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_recent_up_to_the_second_and_not_of_the_future() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let within = Duration::from_secs(900);
        for (age, is) in [(0, true), (900, true), (901, false), (-60, true), (-61, false)] {
            assert_eq!(recent(now - TimeDelta::seconds(age), now, within), is, "{age}");
        }
    }
}
