//! What a step may touch: fixed by planning, sealed, and opened by the step and nobody else.

use std::collections::BTreeMap;

use chassis::StepError;
use chrono::{DateTime, Utc};
use connectors::erase::{EraseScope, Led, OpenTransaction};
use domain::erasure::document::KeptColumns;
use domain::erasure::{CollectionErasure, Guard};
use domain::hold::{HeldRows, Hold};
use domain::id::{JobId, OrganisationId};
use domain::job::FailureReason;
use domain::schema::TableName;
use packages::{KeyRing, SealError, SealedFor};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use store::Claimed;
use uuid::Uuid;

use crate::Erasures;
use crate::batches::Batches;
use crate::before::DoneBefore;
use crate::failure::{broken, control_failed};

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
    /// Only the rows that each of these holds kept, after their release.
    #[serde(default, deserialize_with = "none_one_or_more")]
    pub only: Vec<HeldRows>,
    /// But for rows that are left to the run after another hold's release.
    #[serde(default)]
    pub beside: Vec<HeldRows>,
    /// Whether the rows lead to their organisation through others that are deleted later: then nobody
    /// can find them at the end, and what is left of them is looked for before.
    #[serde(default)]
    pub path_goes: bool,
    /// The erasures that left these rows to this one. What they have done is not done again.
    #[serde(default)]
    pub after: Vec<JobId>,
    /// Whether the rows are a person's, which are known by their keys: what their times say does not matter.
    /// Earlier versions went by these.
    #[serde(default)]
    pub whenever: bool,
}

/// Earlier versions kept the rows of one hold, or of none.
fn none_one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HeldRows>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        More(Vec<HeldRows>),
        OneOrNone(Option<HeldRows>),
    }
    Ok(match Kept::deserialize(deserializer)? {
        Kept::More(all) => all,
        Kept::OneOrNone(one) => one.into_iter().collect(),
    })
}

impl StepScope {
    /// Whether planning knew of a hold. Earlier versions kept only those on rows of the collection.
    pub fn knows(&self, hold: Uuid) -> bool {
        self.known.contains(&hold) || self.holds.iter().any(|known| known.id == hold)
    }

    /// The organisation's rows that nothing holds. Who erases them adds the guards of rows that others refer
    /// to, and the threads of those that go together.
    pub fn rows<'a>(
        &'a self,
        organisation: &'a OrganisationId,
        cutoff_at: DateTime<Utc>,
        before: &'a DoneBefore,
    ) -> EraseScope<'a> {
        EraseScope {
            holds: &self.holds,
            only: &self.only,
            done: before.to(&self.erasure.action),
            beside: &self.beside,
            exclusive: self.erasure.exclusive,
            ..EraseScope::all(organisation, (!self.whenever).then_some(cutoff_at))
        }
    }
}

/// What is looked for when everything is done. No `Debug`: it holds keys and values.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "KeptToVerify")]
pub(crate) struct VerifyScope {
    /// What was planned, each collection whole.
    pub places: Vec<StepScope>,
    /// What was under way in each store at the cutoff.
    pub noted: BTreeMap<String, Noted>,
    /// Who was erased, and how the rows were found.
    pub person: Option<FoundPerson>,
    /// References that no foreign key guards.
    pub loose: Vec<LooseReference>,
    /// Columns with personal data that the data map kept when it was planned.
    pub kept: Vec<KeptColumns>,
    /// Columns with personal data to which nothing leads from the person's identity.
    pub unreached: Vec<KeptColumns>,
}

/// What was under way in a store when the cutoff was fixed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Noted {
    /// Rows written since are told by this.
    pub horizon: String,
    /// The transactions that had not ended when the rows were planned.
    pub open: Vec<OpenTransaction>,
}

/// A person's rows as planning found them.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct FoundPerson {
    pub identity_type: String,
    /// The primary keys of the person's own, by collection.
    pub own: BTreeMap<String, Vec<Vec<String>>>,
    /// The values by which they led on, where the erasure takes these away.
    pub led: Led,
}

/// A reference of the data map to rows that are deleted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LooseReference {
    /// The collection of the referring rows, as `dataset.collection`.
    pub collection: String,
    pub store: String,
    pub target: TableName,
    pub reference: Guard,
}

/// Before there was anything else to know, the places were all.
#[derive(Deserialize)]
#[serde(untagged)]
enum KeptToVerify {
    Now {
        places: Vec<StepScope>,
        noted: BTreeMap<String, Noted>,
        person: Option<FoundPerson>,
        loose: Vec<LooseReference>,
        #[serde(default)]
        kept: Vec<KeptColumns>,
        #[serde(default)]
        unreached: Vec<KeptColumns>,
    },
    Before(Vec<StepScope>),
}

impl From<KeptToVerify> for VerifyScope {
    fn from(kept: KeptToVerify) -> Self {
        match kept {
            KeptToVerify::Now { places, noted, person, loose, kept, unreached } => {
                Self { places, noted, person, loose, kept, unreached }
            }
            KeptToVerify::Before(places) => Self { places, ..Self::default() },
        }
    }
}

/// What the last step that looks at the result of a job was to look for, if it is kept.
pub(crate) async fn verified_by(
    erasures: &Erasures,
    step: &Claimed,
    job: JobId,
) -> Result<Option<VerifyScope>, StepError> {
    /// What a step's scope is: only that of a verifying step lists what the whole job is about.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Verified(Box<VerifyScope>),
        Other(IgnoredAny),
    }
    let kept = erasures.control.scopes_of(&step.organisation, job).await;
    let target = SealedFor { organisation: step.organisation.as_str(), job_id: job.0 };
    let mut verified = None;
    for (_, sealed) in kept.map_err(|error| control_failed(&error))? {
        match unsealed(&erasures.sealing, target, &sealed)? {
            Kept::Verified(scope) => verified = Some(*scope),
            Kept::Other(IgnoredAny) => {}
        }
    }
    Ok(verified)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_earlier_versions_sealed_go_by_their_times() {
        let json = r#"{"erasure":{"collection":"shop.customer","store":"shop",
            "table":{"schema":"public","table":"customer"},"action":"delete","exclusive":false,"unsplit":false,
            "guards":[{"table":{"schema":"public","table":"call"},"columns":["customer"],"target_columns":["id"],
                "aside":{"collection":"shop.call","tenant":{"hops":[],"key_column":"org"},"created_at":"made"}}]},
            "wave":0,"batches":{"keys":[[["1"]]]},"holds":[]}"#;
        let (organisation, before) = (OrganisationId::parse("1").unwrap(), DoneBefore::default());
        let at: DateTime<Utc> = "2026-01-02T03:04:05Z".parse().unwrap();
        let mut scope: StepScope = serde_json::from_str(json).unwrap();
        assert_eq!(scope.rows(&organisation, at, &before).cutoff_at, Some(at));
        scope.whenever = true;
        assert_eq!(scope.rows(&organisation, at, &before).cutoff_at, None);
        let made = scope.erasure.guards[0].aside.as_ref().and_then(|aside| aside.created_at.clone());
        assert_eq!(made, Some(domain::datamap::RowTime::of("made")));
        let looked = r#"{"places":[],"noted":{},"person":null,"loose":[]}"#;
        let looked: VerifyScope = serde_json::from_str(looked).unwrap();
        assert!(looked.kept.is_empty() && looked.unreached.is_empty());
    }

    #[test]
    fn the_rows_of_no_hold_of_one_and_of_several_are_read() {
        #[derive(Deserialize)]
        struct Scope {
            #[serde(default, deserialize_with = "none_one_or_more")]
            only: Vec<HeldRows>,
        }
        let read = |json: &str| serde_json::from_str::<Scope>(json).unwrap().only;
        let (keys, all) = (HeldRows::Keys(vec![vec!["1".to_owned()]]), HeldRows::Where(Vec::new()));
        // Earlier versions.
        assert!(read("{}").is_empty() && read(r#"{"only":null}"#).is_empty());
        assert!(read(r#"{"only":{"keys":[["1"]]}}"#) == [keys.clone()]);
        assert!(read(r#"{"only":{"where":[]}}"#) == [all.clone()]);
        // This one.
        assert!(read(r#"{"only":[]}"#).is_empty());
        assert!(read(r#"{"only":[{"keys":[["1"]]},{"where":[]}]}"#) == [keys, all]);
    }
}
