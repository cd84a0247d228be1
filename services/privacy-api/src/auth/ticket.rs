//! The middleware of event streams: a token as everywhere, or a ticket in the address.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};
use chrono::Utc;
use domain::id::JobId;
use url::form_urlencoded;
use uuid::Uuid;

use super::bearer::token;
use super::caller::Caller;
use super::error::TokenError;
use crate::error::ApiError;
use crate::state::ApiState;

/// Lets a request to a job's events through when its token is good, or its ticket if it has no
/// token, and puts the [`Caller`] with it.
///
/// # Errors
/// [`ApiError`] when there is neither, or the one there is is not good.
pub async fn authenticate_or_ticket(
    state: web::Data<ApiState>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let ticket = match request.headers().contains_key(AUTHORIZATION) {
        true => None,
        false => named_ticket(request.query_string()),
    };
    let caller = match ticket {
        Some(ticket) => by_ticket(&state, &request, &ticket)?,
        None => {
            let token = token(request.headers()).map_err(ApiError::from)?;
            state.verifier.caller(token, Instant::now()).await.map_err(ApiError::from)?
        }
    };
    request.extensions_mut().insert(caller);
    next.call(request).await
}

fn by_ticket(state: &ApiState, request: &ServiceRequest, ticket: &str) -> Result<Caller, ApiError> {
    // A text that is no id has no ticket either.
    let job = request.match_info().get("id").and_then(|text| Uuid::try_parse(text).ok());
    let caller = job.and_then(|job| state.events.tickets.caller(ticket, JobId(job), Utc::now()));
    caller.ok_or(TokenError::Ticket.into())
}

fn named_ticket(query: &str) -> Option<String> {
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    parameters.find(|(name, _)| name == "ticket").map(|(_, value)| value.into_owned())
}
