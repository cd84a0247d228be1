//! What only the workers may read is sealed here, and nothing is ever opened.

use domain::id::{JobId, OrganisationId};
use packages::{KeyRing, SealedFor};
use secrecy::SecretString;
use store::JobSecret;
use uuid::Uuid;

use crate::error::ApiError;
use crate::state::ApiState;

/// The keys, where there are any.
pub(super) fn keys(state: &ApiState) -> Result<&KeyRing, ApiError> {
    state.sealing.as_deref().ok_or(ApiError::SealingNotConfigured)
}

/// Seals a secret for a job that does not exist yet; it can be opened for no other.
pub(super) fn for_new_job(
    state: &ApiState,
    organisation: &OrganisationId,
    secret: &SecretString,
) -> Result<JobSecret, ApiError> {
    let job_id = Uuid::now_v7();
    let target = SealedFor { organisation: organisation.as_str(), job_id };
    let sealed = keys(state)?.seal(target, secret)?;
    Ok(JobSecret { job_id: JobId(job_id), sealed })
}

/// What repetitions of a body are compared by where it holds a secret: its hash would let that be
/// guessed.
pub(super) fn tag(
    state: &ApiState,
    organisation: &OrganisationId,
    body_sha256: &[u8; 32],
) -> Result<[u8; 32], ApiError> {
    Ok(keys(state)?.tag(organisation.as_str(), body_sha256)?)
}
