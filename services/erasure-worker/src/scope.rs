//! What a step may touch: fixed by planning, sealed, and opened by the step and nobody else.

use chassis::StepError;
use chrono::{DateTime, Utc};
use connectors::KeyRange;
use connectors::erase::{EraseScope, Rows};
use domain::erasure::CollectionErasure;
use domain::hold::{HeldRows, Hold};
use domain::id::OrganisationId;
use domain::job::FailureReason;
use packages::{KeyRing, SealError, SealedFor};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::Claimed;
use uuid::Uuid;

use crate::failure::broken;

/// The rows of a step. No `Debug`: keys may be personal data.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StepScope {
    /// What is done to them.
    pub erasure: CollectionErasure,
    /// In which wave.
    pub wave: usize,
    /// Which they are.
    pub batches: Batches,
    /// The legal holds on rows of the collection, as planning found them.
    pub holds: Vec<Hold>,
    /// Every hold that planning knew of, on whatever rows.
    #[serde(default)]
    pub known: Vec<Uuid>,
    /// Only the rows that this hold kept, after its release.
    pub only: Option<HeldRows>,
    /// Whether the rows lead to their organisation through others that are deleted later: then nobody
    /// can find them at the end, and what is left of them is looked for before.
    #[serde(default)]
    pub path_goes: bool,
}

impl StepScope {
    /// The organisation's rows that nothing holds. Who erases them adds the guards of rows that others refer
    /// to, and the threads of those that go together.
    pub fn rows<'a>(&'a self, organisation: &'a OrganisationId, cutoff_at: DateTime<Utc>) -> EraseScope<'a> {
        EraseScope {
            holds: &self.holds,
            only: self.only.as_ref(),
            exclusive: self.erasure.exclusive,
            ..EraseScope::all(organisation, cutoff_at)
        }
    }
}

/// Rows in batches, each of which is one transaction.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Batches {
    /// Those of key ranges.
    Ranges(Vec<KeyRange>),
    /// Those with these primary keys.
    Keys(Vec<Vec<Vec<String>>>),
}

impl Batches {
    /// Each batch, with the number that it has in the journal.
    pub fn numbered(&self) -> impl Iterator<Item = (i32, Rows<'_>)> {
        let rows: Vec<Rows<'_>> = match self {
            Self::Ranges(ranges) => ranges.iter().map(Rows::Range).collect(),
            Self::Keys(batches) => batches.iter().map(|keys| Rows::Keys(keys)).collect(),
        };
        (0..).zip(rows)
    }
}

/// What a step needs to know, as it was sealed for it.
pub(crate) fn open<T: DeserializeOwned>(ring: &KeyRing, step: &Claimed) -> Result<T, StepError> {
    let sealed = step.scope.as_deref().ok_or_else(|| {
        broken("what this step may touch is no longer kept: it goes when its job has ended; ask for the erasure anew")
    })?;
    let target = SealedFor { organisation: step.organisation.as_str(), job_id: step.job_id.0 };
    unsealed(ring, target, sealed)
}

/// Opens what was sealed for a job.
pub(crate) fn unsealed<T: DeserializeOwned>(
    ring: &KeyRing,
    target: SealedFor<'_>,
    sealed: &[u8],
) -> Result<T, StepError> {
    let json = ring.open(target, sealed).map_err(locked)?;
    serde_json::from_str(json.expose_secret()).map_err(|_| {
        broken("what was sealed for this job cannot be read by this version of the erasure-worker")
    })
}

/// Seals what a step of this job will need to know.
pub(crate) fn seal<T: Serialize>(ring: &KeyRing, step: &Claimed, value: &T) -> Result<Vec<u8>, StepError> {
    let json = serde_json::to_string(value).map_err(|_| broken("a step's scope cannot be written down"))?;
    let target = SealedFor { organisation: step.organisation.as_str(), job_id: step.job_id.0 };
    ring.seal(target, &SecretString::from(json)).map_err(locked)
}

fn locked(error: SealError) -> StepError {
    let detail = match error {
        SealError::UnknownKey => {
            "it was sealed with a key that the erasure-worker does not have; give every erasure-worker and \
             privacy-api the same `service.sealing.keys`, then try the job again"
        }
        SealError::Tampered | SealError::Unsealable => {
            "it is not what was sealed for this job; ask for the erasure anew"
        }
    };
    StepError::Permanent(FailureReason::new("scope_locked", detail))
}
