//! The middleware that knows the caller before anything else of a request is looked at.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};

use super::error::TokenError;
use crate::error::ApiError;
use crate::state::ApiState;

/// Lets a request through when its token is good, and puts the [`Caller`](super::Caller) with it.
///
/// # Errors
/// [`ApiError`] when there is no token or it is not good.
pub async fn authenticate(
    state: web::Data<ApiState>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let token = token(request.headers()).map_err(ApiError::from)?;
    let caller = state.verifier.caller(token, Instant::now()).await.map_err(ApiError::from)?;
    request.extensions_mut().insert(caller);
    next.call(request).await
}

/// The one bearer token of a request (RFC 6750, 2.1). It is taken from no other place.
pub(super) fn token(headers: &HeaderMap) -> Result<&str, TokenError> {
    let mut values = headers.get_all(AUTHORIZATION);
    let value = values.next().ok_or(TokenError::Missing)?;
    if values.next().is_some() {
        return Err(TokenError::Malformed);
    }
    let text = value.to_str().map_err(|_| TokenError::Malformed)?;
    let (scheme, token) = text.split_once(' ').ok_or(TokenError::Malformed)?;
    let token = token.trim_matches(' ');
    match scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ') {
        true => Ok(token),
        false => Err(TokenError::Malformed),
    }
}
