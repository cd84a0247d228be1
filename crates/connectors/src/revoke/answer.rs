//! What a provider's answer means (RFC 7009, section 2.2).

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use super::error::RevokeFailure;
use super::revoker::Revoked;

/// Far more than any error of RFC 6749, section 5.2, needs.
const LARGEST_BYTES: usize = 64 * 1024;
/// No provider puts us off for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The one part of an error that is looked at. The others are free text, which could quote the token.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// What the answer says of the token.
pub(super) async fn read(response: Response) -> Result<Revoked, RevokeFailure> {
    let status = response.status();
    let number = status.as_u16();
    match status {
        // The body says nothing then, and is not waited for.
        StatusCode::OK | StatusCode::NO_CONTENT => Ok(Revoked::Accepted),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Err(unavailable(&response)),
        _ if status.is_server_error() => Err(unavailable(&response)),
        _ if status.is_redirection() => Err(RevokeFailure::Redirected { status: number }),
        _ => refused(status, &refusal(response).await?),
    }
}

fn refused(status: StatusCode, code: &str) -> Result<Revoked, RevokeFailure> {
    let number = status.as_u16();
    match code {
        // RFC 7009 wants 200 here; some providers answer as RFC 6750, section 3.1, does.
        "invalid_token" if status == StatusCode::BAD_REQUEST => Ok(Revoked::Invalid),
        "unsupported_token_type" => Err(RevokeFailure::UnsupportedTokenType),
        "invalid_client" | "unauthorized_client" => Err(RevokeFailure::Client { status: number }),
        _ if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err(RevokeFailure::Client { status: number })
        }
        _ => Err(RevokeFailure::Refused { status: number }),
    }
}

/// The code of an error; empty when there is none, or more than anybody should read.
async fn refusal(mut response: Response) -> Result<String, RevokeFailure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(RevokeFailure::transport)? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_BYTES {
            return Ok(String::new());
        }
    }
    Ok(serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.error).unwrap_or_default())
}

fn unavailable(response: &Response) -> RevokeFailure {
    let retry_after = retry_after(response.headers(), Utc::now());
    RevokeFailure::Unavailable { status: response.status().as_u16(), retry_after }
}

/// `Retry-After` in either of its forms (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = DateTime::parse_from_rfc2822(value).ok()?;
            (at.to_utc() - now).to_std().unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_read_in_both_forms() {
        let now = DateTime::parse_from_rfc3339("2026-03-01T12:00:00Z").unwrap().to_utc();
        for (value, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("99999999999", Some(86_400)),
            ("Sun, 01 Mar 2026 12:05:00 GMT", Some(300)),
            ("Sun, 01 Mar 2026 11:00:00 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now).map(|wait| wait.as_secs()), expected, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn codes_and_statuses_mean_what_the_standard_says() {
        let of = |status: u16, code: &str| refused(StatusCode::from_u16(status).unwrap(), code);
        assert_eq!(of(400, "invalid_token").unwrap(), Revoked::Invalid);
        assert!(matches!(of(400, "unsupported_token_type"), Err(RevokeFailure::UnsupportedTokenType)));
        for (status, code) in [(400, "invalid_client"), (401, ""), (401, "invalid_token"), (403, "")] {
            assert!(matches!(of(status, code), Err(RevokeFailure::Client { .. })), "{status} {code}");
        }
        for (status, code) in [(400, ""), (400, "invalid_request"), (404, ""), (405, ""), (202, "")] {
            assert!(matches!(of(status, code), Err(RevokeFailure::Refused { .. })), "{status} {code}");
        }
    }
}
