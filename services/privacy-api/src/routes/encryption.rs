//! How a package is to be encrypted: checked before anything is accepted.

use contracts::http::{EncryptionBody, ExportBody, FieldError, Passphrase};
use domain::export::{ExportEncryption, ExportRequest};
use packages::{Encryption, EncryptionError};

use crate::error::ApiError;
use crate::state::ApiState;

/// The request as it is kept, without any secret, and the passphrase that is to be sealed for its job.
pub(super) fn checked<'a>(
    state: &ApiState,
    body: &'a ExportBody,
) -> Result<(ExportRequest, Option<&'a Passphrase>), ApiError> {
    let mut request = ExportRequest::from(body);
    match &body.encryption {
        None => Ok((request, None)),
        Some(EncryptionBody::ToRecipients(to)) => {
            let encryption = Encryption::parse_recipients(&to.recipients).map_err(unusable_recipients)?;
            request.encryption = Some(ExportEncryption::Recipients(encryption.recipients()));
            Ok((request, None))
        }
        Some(EncryptionBody::ByPassphrase(by)) => {
            if state.sealing.is_none() {
                return Err(not_taken());
            }
            Encryption::parse_passphrase(by.passphrase.secret().clone()).map_err(unusable_passphrase)?;
            Ok((request, Some(&by.passphrase)))
        }
    }
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
