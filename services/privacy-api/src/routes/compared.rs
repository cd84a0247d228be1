//! What repetitions of a request are compared by: its parameters, however they were written.

use contracts::http::Passphrase;
use domain::job::JobNames;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use store::Idempotency;

use crate::auth::{Granted, Needs};
use crate::error::ApiError;
use crate::extract::OptionalKey;

/// A request that makes a job. Without names and a secret it is written as the request alone.
#[derive(Serialize)]
struct Parameters<'a, R> {
    #[serde(flatten)]
    request: &'a R,
    #[serde(flatten)]
    names: &'a JobNames,
    #[serde(skip_serializing_if = "Option::is_none")]
    passphrase: Option<&'a str>,
}

/// SHA-256 over the parameters of a request that makes a job. With a passphrase it is to be kept as a tag.
pub(super) fn of_job<R: Serialize>(
    request: &R,
    names: &JobNames,
    passphrase: Option<&Passphrase>,
) -> Result<[u8; 32], ApiError> {
    let passphrase = passphrase.map(|passphrase| passphrase.secret().expose_secret());
    of(&Parameters { request, names, passphrase })
}

/// SHA-256 over parameters, each member in its place whatever the order in which it came.
pub(super) fn of(parameters: &impl Serialize) -> Result<[u8; 32], ApiError> {
    // Without the library's error: it could quote what it writes.
    let text = serde_json::to_vec(parameters)
        .map_err(|_| ApiError::Internal("a request cannot be written", None))?;
    Ok(Sha256::digest(text).into())
}

/// The caller's key with what it came with, if there is one.
pub(super) fn under_key<N: Needs>(
    granted: &Granted<N>,
    (route, key): (&str, OptionalKey),
    (body_sha256, as_received): ([u8; 32], Option<[u8; 32]>),
) -> Option<Idempotency> {
    let key = key.0?.0;
    let (client, route) = (granted.actor.subject.clone(), route.to_owned());
    Some(Idempotency { client, route, key, body_sha256, as_received })
}

#[cfg(test)]
mod tests {
    use domain::erasure::{ErasureRequest, GracePeriod};
    use domain::job::JobName;

    use super::*;

    fn request() -> ErasureRequest {
        ErasureRequest {
            subject: None,
            delete_media: true,
            grace_period_days: GracePeriod::NONE,
            dry_run: false,
            deferred: None,
            after_export: None,
        }
    }

    #[test]
    fn a_request_without_names_is_compared_as_earlier_versions_did() {
        let before: [u8; 32] = Sha256::digest(serde_json::to_vec(&request()).unwrap()).into();
        assert_eq!(of_job(&request(), &JobNames::default(), None).unwrap(), before);
    }

    #[test]
    fn names_are_parameters_too() {
        let plain = of_job(&request(), &JobNames::default(), None).unwrap();
        let label = JobNames { label: JobName::parse("DSR-7").ok(), external_reference: None };
        let reference = JobNames { label: None, external_reference: JobName::parse("DSR-7").ok() };
        let labelled = of_job(&request(), &label, None).unwrap();
        assert_ne!(labelled, plain);
        assert_ne!(labelled, of_job(&request(), &reference, None).unwrap());
    }
}
