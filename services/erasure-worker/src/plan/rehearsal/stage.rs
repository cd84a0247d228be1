//! One store, with what is to be tried on its rows.

use chassis::StepError;
use chrono::{DateTime, Utc};
use connectors::SubjectStore;
use connectors::erase::{
    BatchId, EraseScope, EraseTransaction, Expected, Outside, Part, PseudonymKey, Rows, SampleError,
    SampledPart, Sampling, Trial, Verification, sample,
};
use domain::datamap::Collection;
use domain::erasure::RowAction;
use domain::erasure::facts::{StoreFacts, Trigger};
use domain::id::OrganisationId;
use domain::schema::{LiveSchema, TableName};
use store::Claimed;

use crate::Erasures;
use crate::batches::Batches;
use crate::before::DoneBefore;
use crate::failure::{broken, plan_failed, store_failed};
use crate::plan::preflight::Checked;
use crate::rows::OneByOne;
use crate::scope::StepScope;

/// One store.
pub(super) struct Stage<'a> {
    step: &'a Claimed,
    pub organisation: &'a OrganisationId,
    pub cutoff_at: DateTime<Utc>,
    pub store: &'a SubjectStore,
    pub schema: &'a LiveSchema,
    /// What is erased, in the order in which it is.
    pub places: Vec<Place<'a>>,
    key: &'a PseudonymKey,
    raw: &'a [u8; 32],
}

/// What is erased of one collection.
pub(super) struct Place<'a> {
    pub planned: &'a StepScope,
    before: DoneBefore,
    /// All rows of it at once.
    whole: Batches,
    collection: &'a Collection,
    /// The triggers that fire.
    pub triggers: Vec<String>,
    /// Those of them that may act outside the transaction.
    pub outside: Vec<Outside>,
}

impl<'a> Stage<'a> {
    /// The places are all of one store.
    pub async fn of(
        (erasures, step): (&'a Erasures, &'a Claimed),
        checked: &'a Checked,
        mut planned: Vec<&'a StepScope>,
        (key, raw): (&'a PseudonymKey, &'a [u8; 32]),
    ) -> Result<Self, StepError> {
        planned.sort_by_key(|place| place.wave);
        let first = planned.first().ok_or_else(|| broken("a store in which nothing is erased"))?;
        let (dataset, _) = erasures.find(&first.erasure.collection)?;
        let schema = checked.schemas.get(&dataset.store);
        let schema = schema.ok_or_else(|| broken("a store has no schema"))?;
        let facts = checked.facts.get(&dataset.store).ok_or_else(|| broken("a store has no facts"))?;
        let store = erasures.store(dataset)?;
        let tables: Vec<TableName> = planned.iter().map(|place| place.erasure.table.clone()).collect();
        let outside = store.outside(&tables).await.map_err(|error| store_failed(&error))?;
        let mut places = Vec::new();
        for planned in planned {
            let (_, collection) = erasures.find(&planned.erasure.collection)?;
            let triggers = firing(facts, planned);
            let outside = outside
                .iter()
                .filter(|one| one.table == planned.erasure.table && triggers.contains(&one.trigger));
            let (outside, whole) = (outside.cloned().collect(), planned.batches.whole());
            let before = DoneBefore::find(erasures, step, planned).await?;
            places.push(Place { planned, before, whole, collection, outside, triggers });
        }
        let (organisation, cutoff_at) = (&step.organisation, checked.cutoff_at);
        Ok(Self { step, organisation, cutoff_at, store, schema, places, key, raw })
    }

    /// An entry in the journal that is never kept: the planning step has no batches.
    pub fn probe(&self) -> BatchId {
        BatchId { job: self.step.job_id, step: self.step.step_no, batch: 0 }
    }

    /// The triggers that fire when rows of that table are erased.
    pub fn triggers(&self, table: &TableName) -> Vec<&str> {
        let places = self.places.iter().filter(|place| place.planned.erasure.table == *table);
        let mut names: Vec<&str> = places.flat_map(|place| &place.triggers).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether rows of that table are deleted.
    pub fn deletes(&self, table: &TableName) -> bool {
        let mut erasures = self.places.iter().map(|place| &place.planned.erasure);
        erasures.any(|erasure| erasure.table == *table && erasure.action == RowAction::Delete)
    }

    /// Chooses the rows that it is tried on.
    pub async fn sample(&self, room: usize) -> Result<Vec<SampledPart>, StepError> {
        let failed = |error| store_failed(&error);
        let parts = self.places.iter().map(|place| self.part(place)).collect::<Result<Vec<_>, _>>()?;
        let transaction = self.store.begin_read().await.map_err(failed)?;
        let sampled = sample(&transaction, &parts, self.schema, room).await;
        let sampled = sampled.map_err(|error| match error {
            SampleError::Store(error) => store_failed(&error),
            SampleError::Plan(error) => plan_failed(&error),
        })?;
        transaction.finish().await.map_err(failed)?;
        Ok(sampled)
    }

    fn part<'p>(&'p self, place: &'p Place<'_>) -> Result<Sampling<'p>, StepError> {
        let StepScope { erasure, wave, .. } = place.planned;
        let (_, rows) = place.whole.numbered().next().ok_or_else(|| broken("a scope without rows"))?;
        let scope = EraseScope { threads: &[], ..self.scope(place) };
        Ok(Sampling {
            part: Part { collection: place.collection, action: &erasure.action, scope, rows },
            wave: *wave,
            whole: erasure.unsplit || !erasure.threads.is_empty(),
            triggered: !place.triggers.is_empty(),
            outside: place.outside.iter().any(|trigger| !trigger.undone),
        })
    }

    fn scope<'p>(&'p self, Place { planned, before, .. }: &'p Place<'_>) -> EraseScope<'p> {
        EraseScope {
            guards: &planned.erasure.guards,
            threads: &planned.erasure.threads,
            ..planned.rows(self.organisation, self.cutoff_at, before)
        }
    }

    /// What erases the rows of each place.
    pub fn rows(&self) -> Vec<OneByOne<'_>> {
        self.places.iter().map(|place| self.one_by_one(place)).collect()
    }

    fn one_by_one<'p>(&'p self, place: &'p Place<'a>) -> OneByOne<'p> {
        let Place { planned, collection, .. } = place;
        let (schema, scope, action) = (self.schema, self.scope(place), &planned.erasure.action);
        OneByOne { collection, schema, scope, action, key: self.key, raw: self.raw }
    }

    /// What is tried on the rows that were chosen, and asked for afterwards.
    pub async fn trials<'t>(
        &'t self,
        transaction: &EraseTransaction,
        rows: &'t [OneByOne<'_>],
        sampled: &[SampledPart],
    ) -> Result<Vec<Trial<'t>>, StepError> {
        let mut trials = Vec::new();
        for ((place, one), SampledPart { keys, .. }) in self.places.iter().zip(rows).zip(sampled) {
            if keys.is_empty() {
                continue;
            }
            let of = Rows::Keys(keys);
            let expected = match one.action {
                RowAction::Delete => Expected::Deleted,
                RowAction::Anonymise(changes) => Expected::Anonymised { changes, key: one.key },
                RowAction::Unlink(columns) => Expected::Unlinked(columns),
            };
            let scope = EraseScope { threads: &[], ..one.scope };
            let asked = Verification::plan(one.collection, one.schema, &scope, &of, expected);
            trials.push(Trial {
                table: &place.planned.erasure.table,
                statements: one.statements(transaction, &one.scope, of).await?,
                verification: asked.map_err(|error| plan_failed(&error))?,
                at_once: place.planned.path_goes,
            });
        }
        Ok(trials)
    }
}

/// The triggers that fire when rows of a place are erased; all of them are allowed.
fn firing(facts: &StoreFacts, planned: &StepScope) -> Vec<String> {
    let known = facts.tables.get(&planned.erasure.table);
    let fires = |trigger: &&Trigger| trigger.fires(&planned.erasure.action);
    known.into_iter().flat_map(|table| &table.triggers).filter(fires).map(|one| one.name.clone()).collect()
}
