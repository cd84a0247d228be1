//! How the package of a job is encrypted: from its request, and from the secret it came with.
//!
//! Whatever is in the way ends the step. There is no path from here to a package in the clear.

use anyhow::Context as _;
use chassis::StepError;
use domain::export::ExportEncryption;
use domain::job::FailureReason;
use packages::{Encryption, EncryptionError, KeyRing, SealError, SealedFor};
use store::{Claimed, Store};

use crate::config::Config;
use crate::subject::sealed_person;
use crate::{Exports, request};

/// What passphrases are opened with.
pub(crate) struct Passphrases {
    pub store: Store,
    pub keys: Option<KeyRing>,
}

impl Passphrases {
    pub(crate) fn open(config: &Config, store: Store) -> anyhow::Result<Self> {
        let keys = config.sealing.as_ref().map(|sealing| sealing.ring()).transpose();
        Ok(Self { store, keys: keys.context("service.sealing cannot be used")? })
    }
}

/// How the package of this step's job is encrypted; `None` when it was not asked to be.
pub(crate) async fn encryption_of(
    exports: &Exports,
    step: &Claimed,
) -> Result<Option<Encryption>, StepError> {
    let asked = match request(step)?.encryption {
        None => return Ok(None),
        Some(ExportEncryption::Recipients(recipients)) => Encryption::parse_recipients(&recipients),
        Some(ExportEncryption::Passphrase) => {
            if request(step)?.subject.is_some() {
                let passphrase = sealed_person(exports, step).await?.passphrase.unwrap_or_default();
                return encryption(Encryption::parse_passphrase(passphrase.into()));
            }
            let sealed = sealed(&exports.passphrases.store, step).await?;
            let keys = exports.passphrases.keys.as_ref().ok_or_else(|| locked(SealError::UnknownKey))?;
            let target = SealedFor { organisation: step.organisation.as_str(), job_id: step.job_id.0 };
            Encryption::parse_passphrase(keys.open(target, &sealed).map_err(locked)?)
        }
    };
    encryption(asked)
}

fn encryption(asked: Result<Encryption, EncryptionError>) -> Result<Option<Encryption>, StepError> {
    asked.map(Some).map_err(|error| {
        let detail = format!("the package cannot be encrypted as asked: {error}; ask for a new export");
        StepError::Permanent(FailureReason::new("encryption_unusable", detail))
    })
}

pub(crate) async fn sealed(store: &Store, step: &Claimed) -> Result<Vec<u8>, StepError> {
    let sealed = store.job_secret(step.job_id).await.map_err(|error| StepError::control_failed(&error))?;
    sealed.ok_or_else(|| {
        let detail = "the passphrase of this export is no longer kept: it is removed a day after a failure; \
                      ask for a new export";
        StepError::Permanent(FailureReason::new("passphrase_gone", detail))
    })
}

pub(crate) fn locked(error: SealError) -> StepError {
    let detail = match error {
        SealError::UnknownKey => {
            "the passphrase of this export was sealed with a key that the export-worker does not have; \
             give privacy-api and export-worker the same `service.sealing.keys`, then try the job again"
        }
        SealError::Tampered | SealError::Unsealable => {
            "the passphrase of this export is not what was sealed for it; ask for a new export"
        }
    };
    StepError::Permanent(FailureReason::new("passphrase_locked", detail))
}

#[cfg(test)]
mod tests;
