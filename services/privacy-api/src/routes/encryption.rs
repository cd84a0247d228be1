//! How a package is to be encrypted: checked before anything is accepted, the passphrase sealed.

use contracts::http::{EncryptionBody, ExportBody, FieldError, Passphrase};
use domain::export::{ExportEncryption, ExportRequest};
use domain::id::{JobId, OrganisationId};
use packages::{Encryption, EncryptionError, SealError, SealedFor};
use store::JobSecret;
use uuid::Uuid;

use crate::error::ApiError;
use crate::extract::JsonBody;
use crate::state::ApiState;

/// What is asked for, as it is kept.
pub(super) struct Asked {
    /// The request, without any secret.
    pub request: ExportRequest,
    /// The passphrase, sealed for the job that is to be made.
    pub secret: Option<JobSecret>,
    /// What repetitions are compared by.
    pub body_sha256: [u8; 32],
}

/// Checks how the package is to be encrypted.
pub(super) fn asked(
    state: &ApiState,
    organisation: &OrganisationId,
    body: &JsonBody<ExportBody>,
) -> Result<Asked, ApiError> {
    let mut asked = Asked { request: (&body.value).into(), secret: None, body_sha256: body.sha256 };
    match &body.value.encryption {
        None => {}
        Some(EncryptionBody::ToRecipients(to)) => {
            let encryption = Encryption::parse_recipients(&to.recipients).map_err(unusable_recipients)?;
            asked.request.encryption = Some(ExportEncryption::Recipients(encryption.recipients()));
        }
        Some(EncryptionBody::ByPassphrase(by)) => {
            asked.secret = Some(seal(state, organisation, &by.passphrase)?);
            // A plain hash of a body that holds a passphrase would let it be guessed.
            let keys = state.sealing.as_ref().ok_or_else(not_taken)?;
            asked.body_sha256 = keys.tag(organisation.as_str(), &body.sha256).map_err(unsealed)?;
        }
    }
    Ok(asked)
}

/// Seals a passphrase for a job that does not exist yet, and can be opened for no other.
fn seal(
    state: &ApiState,
    organisation: &OrganisationId,
    passphrase: &Passphrase,
) -> Result<JobSecret, ApiError> {
    let keys = state.sealing.as_ref().ok_or_else(not_taken)?;
    Encryption::parse_passphrase(passphrase.secret().clone()).map_err(unusable_passphrase)?;
    let job_id = Uuid::now_v7();
    let target = SealedFor { organisation: organisation.as_str(), job_id };
    let sealed = keys.seal(target, passphrase.secret()).map_err(unsealed)?;
    Ok(JobSecret { job_id: JobId(job_id), sealed })
}

fn unusable_recipients(error: EncryptionError) -> ApiError {
    let pointer = match error.recipient_index() {
        Some(index) => format!("/encryption/recipients/{index}"),
        None => "/encryption/recipients".to_owned(),
    };
    values(pointer, error.to_string())
}

fn unusable_passphrase(error: EncryptionError) -> ApiError {
    values("/encryption/passphrase".to_owned(), error.to_string())
}

fn not_taken() -> ApiError {
    let detail = "this service is not set up to take passphrases (`service.sealing`); expected `recipients`";
    values("/encryption/passphrase".to_owned(), detail.to_owned())
}

fn values(pointer: String, detail: String) -> ApiError {
    ApiError::Values(vec![FieldError { pointer, detail }])
}

fn unsealed(error: SealError) -> ApiError {
    ApiError::Internal("a passphrase could not be sealed", Some(Box::new(error)))
}
