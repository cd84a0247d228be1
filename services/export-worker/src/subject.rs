//! One person of an organisation: who it is, and which rows of a store are this person's.
//!
//! The rows are found in the transaction that reads them, so that the package is consistent: nothing is
//! fixed beforehand, because reading changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use chassis::StepError;
use connectors::erase::{SubjectRead, SubjectRows};
use connectors::{ReadTransaction, Schemas};
use domain::datamap::{Collection, Dataset};
use domain::erasure::facts::StoreFacts;
use domain::erasure::{Identity, Obstacle, SubjectRef, Traversal, traversal, unreached};
use domain::job::FailureReason;
use domain::plan::CollectionWork;
use domain::schema::TableName;
use packages::{OmittedEntry, PersonEntry, SealedFor, WITHHELD_FOR_OTHERS, WithheldEntry};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use store::Claimed;

use crate::Exports;
use crate::encryption::{locked, sealed};
use crate::failure::{broken, plan_failed, store_failed};
use crate::sources::path;

/// What the API seals for a job that is about one person.
#[derive(Deserialize)]
pub(crate) struct SealedPerson {
    identity_value: String,
    /// Of the package, where it is encrypted by one.
    pub passphrase: Option<String>,
}

/// Why a collection is not in a person's archive, for its reader.
const NOT_LOOKED_FOR: &str = "nothing in the data map leads from the person's identity to these records, so they were not looked through; \
     ask the organisation for them";

/// Whom an export is about, and how the rows are found.
pub(crate) struct Person {
    identity: Identity,
    traversal: Traversal,
}

/// What was sealed for the person's job.
pub(crate) async fn sealed_person(exports: &Exports, step: &Claimed) -> Result<SealedPerson, StepError> {
    let sealed = sealed(&exports.passphrases.store, step).await?;
    let keys = exports.passphrases.keys.as_ref();
    let keys = keys.ok_or_else(|| locked(packages::SealError::UnknownKey))?;
    let target = SealedFor { organisation: step.organisation.as_str(), job_id: step.job_id.0 };
    let json = keys.open(target, &sealed).map_err(locked)?;
    serde_json::from_str(json.expose_secret())
        .map_err(|_| broken("whom the export is about cannot be read by this version of the export-worker"))
}

impl Person {
    pub async fn of(
        exports: &Exports,
        step: &Claimed,
        subject: &SubjectRef,
        schemas: &Schemas,
    ) -> Result<Self, StepError> {
        let person = sealed_person(exports, step).await?;
        let identity = Identity::parse(&subject.identity_type, &person.identity_value);
        let refused = |code: &str, detail: String| StepError::Permanent(FailureReason::new(code, detail));
        let identity = identity.map_err(|error| refused("identity_unusable", error.to_string()))?;
        let map = exports.sources.map();
        let way = traversal(map, schemas, &facts(exports).await?, &subject.identity_type);
        let traversal = way.map_err(|obstacles| {
            let told: Vec<String> = obstacles.iter().map(Obstacle::to_string).collect();
            refused("export_refused", format!("the person's rows cannot be told: {}", told.join("; ")))
        })?;
        Ok(Self { identity, traversal })
    }

    /// The collections with personal data to which nothing leads from the identity: none of their rows is in the
    /// archive, whoever they are about.
    pub fn not_looked_for(&self, exports: &Exports) -> Vec<OmittedEntry> {
        let unreached = unreached(exports.sources.map(), &self.traversal);
        let of = |(dataset, collection): (&Dataset, &Collection)| {
            let name = path(dataset, collection);
            unreached.iter().any(|one| one.collection == name).then(|| OmittedEntry {
                collection: exports.sources.shown_name(dataset, collection),
                column: None,
                reason: NOT_LOOKED_FOR.to_owned(),
            })
        };
        exports.sources.exported().filter_map(of).collect()
    }

    /// The person's rows in one store, in this transaction, whatever their times are: all are read in it, so
    /// that none needs a time to be told by.
    pub async fn rows(
        &self,
        exports: &Exports,
        step: &Claimed,
        (store, schemas): (&str, &Schemas),
        transaction: &ReadTransaction,
    ) -> Result<SubjectRows, StepError> {
        let schema = schemas.get(store).ok_or_else(|| broken("a store has no schema"))?;
        let map = exports.sources.map();
        let read = SubjectRead::plan(&self.traversal, map, (store, schema), &step.organisation, None);
        let read = read.map_err(|error| plan_failed(&error))?;
        transaction.resolve(&read, &self.identity).await.map_err(|error| store_failed(&error))
    }
}

/// That an archive is one person's. What is withheld is added store by store.
pub(crate) fn entry(subject: &SubjectRef) -> PersonEntry {
    PersonEntry { identity_type: subject.identity_type.clone(), withheld: Vec::new() }
}

/// The rows of a store that have to do with the person and are others' too, by the names of their files:
/// those that others share, and those of others that name the person (Art. 15(4)).
pub(crate) fn withheld(exports: &Exports, rows: &SubjectRows) -> Vec<WithheldEntry> {
    let of = |(dataset, collection): (&Dataset, &Collection)| {
        let name = path(dataset, collection);
        let own: BTreeSet<&Vec<String>> = rows.own.get(&name).into_iter().flatten().collect();
        let named = rows.unlinked.get(&name).into_iter().flat_map(BTreeMap::values).flatten();
        let others: BTreeSet<&Vec<String>> = rows
            .left
            .get(&name)
            .into_iter()
            .flatten()
            .chain(named)
            .filter(|key| !own.contains(key))
            .collect();
        let collection = exports.sources.shown_name(dataset, collection);
        let rows = u64::try_from(others.len()).unwrap_or(u64::MAX);
        (rows > 0).then(|| WithheldEntry { collection, rows, reason: WITHHELD_FOR_OTHERS.to_owned() })
    };
    exports.sources.exported().filter_map(of).collect()
}

/// How much of each collection is a person's: little, so that it is read in one step.
pub(crate) fn work(exports: &Exports, rows: &BTreeMap<String, Vec<Vec<String>>>) -> Vec<CollectionWork> {
    let one = |(dataset, collection)| {
        let collection = path(dataset, collection);
        let keys = rows.get(&collection)?;
        let rows = i64::try_from(keys.len()).unwrap_or(i64::MAX);
        Some(CollectionWork { collection, rows, parts: 1, media: None })
    };
    exports.sources.exported().filter_map(one).collect()
}

/// What the catalogues of every store say of the tables of the map.
async fn facts(exports: &Exports) -> Result<BTreeMap<String, StoreFacts>, StepError> {
    let mut facts = BTreeMap::new();
    for (name, store) in exports.sources.stores() {
        let tables: Vec<TableName> = exports
            .sources
            .exported()
            .filter(|(dataset, _)| dataset.store == *name)
            .map(|(_, collection)| collection.table.clone())
            .collect();
        facts.insert(name.clone(), store.facts(&tables).await.map_err(|error| store_failed(&error))?);
    }
    Ok(facts)
}
