//! How many rows there are of each collection, what is left of them and why, and into which steps and
//! batches they are cut.

mod left;
mod shown;

use std::sync::Arc;

use chassis::{StepError, StepProgress};
use connectors::erase::{
    EraseScope, LaterRead, Part, RangeRead, SubjectRows, Survey as RowSurvey, Surveyed as Counted,
};
use connectors::{KeyRange, ReadTransaction, collection_path};
use domain::datamap::{Collection, Dataset};
use domain::erasure::document::CollectionPlan;
use domain::erasure::steps::{ErasureWork, RowsWork};
use domain::erasure::{CollectionErasure, ErasurePlan, ErasureRequest, RowAction};
use domain::plan::CollectionSize;
use domain::schema::{LiveSchema, TableName};
use store::Claimed;

use super::buckets;
use super::preflight::Checked;
use crate::Erasures;
use crate::batches::{Batches, MOST_KEYS};
use crate::before::DoneBefore;
use crate::failure::{broken, plan_failed, store_failed};
use crate::held::{Held, leads_through};
use crate::scope::{StepScope, VerifyScope};
use crate::verify::{keys_left, reader};

/// What the survey has found out.
#[derive(Default)]
pub(super) struct Surveyed {
    pub work: ErasureWork,
    /// The scopes of the steps, in their order.
    pub scopes: Vec<StepScope>,
    /// What is verified at the end.
    pub verify: VerifyScope,
    pub collections: Vec<CollectionPlan>,
    pub sizes: Vec<CollectionSize>,
}

pub(super) struct Survey<'a> {
    pub erasures: &'a Erasures,
    pub step: &'a Claimed,
    pub checked: &'a Checked,
    /// The person's rows; `None` for a whole organisation.
    pub rows: Option<&'a SubjectRows>,
    pub holds: &'a Held,
    /// Which pass is planned: from the second on it is about what is left.
    pub pass: i32,
    pub progress: &'a StepProgress,
}

/// All rows of a collection.
fn whole() -> Batches {
    Batches::Ranges(vec![KeyRange::whole()])
}

/// What is done to rows of one collection, with what it takes to look at them.
#[derive(Clone)]
struct Place<'a> {
    dataset: &'a Dataset,
    collection: &'a Collection,
    schema: &'a LiveSchema,
    scope: StepScope,
    before: Arc<DoneBefore>,
}

impl Survey<'_> {
    pub async fn of(&self, planned: &ErasurePlan, request: &ErasureRequest) -> Result<Surveyed, StepError> {
        let mut found = Surveyed::default();
        self.objects(request, &mut found).await?;
        let mut places = Vec::new();
        for (wave, erasures) in planned.waves.iter().enumerate() {
            for erasure in erasures {
                places.push(self.place(erasure, wave)?);
            }
        }
        let deleted = |place: &&Place<'_>| place.scope.erasure.action == RowAction::Delete;
        let gone: Vec<_> = places
            .iter()
            .filter(deleted)
            .map(|place| (&place.dataset.store, &place.collection.table))
            .collect();
        let gone: Vec<_> = gone.into_iter().map(|(store, table)| (store.clone(), table.clone())).collect();
        for place in &mut places {
            let leads = |(store, table): &(String, TableName)| {
                *store == place.dataset.store && leads_through(place.collection, table)
            };
            place.scope.path_goes = gone.iter().any(leads);
        }
        self.cut(&places, &mut found).await?;
        self.left(&mut found);
        Ok(found)
    }

    /// Cuts the rows of places, which are in the order of their waves, into steps.
    async fn cut(&self, places: &[Place<'_>], found: &mut Surveyed) -> Result<(), StepError> {
        for places_of_wave in places.chunk_by(|one, next| one.scope.wave == next.scope.wave) {
            let wave = places_of_wave.first().map_or(0, |place| place.scope.wave);
            let (earlier, _) = places.split_at(places.partition_point(|place| place.scope.wave < wave));
            let mut work = Vec::new();
            for place in places_of_wave {
                self.collection(place, earlier, &mut work, found).await?;
                self.progress.pulse();
            }
            if !work.is_empty() {
                found.work.waves.push(work);
            }
        }
        Ok(())
    }

    fn place(&self, erasure: &CollectionErasure, wave: usize) -> Result<Place<'_>, StepError> {
        let (dataset, collection) = self.erasures.find(&erasure.collection)?;
        let schema = self.checked.schemas.get(&dataset.store);
        let schema = schema.ok_or_else(|| broken("a store has no schema"))?;
        let batches = match self.rows {
            None => whole(),
            Some(rows) => Batches::Keys(vec![rows.of(erasure).to_vec()]),
        };
        let holds = self.holds.before(self.erasures, (dataset, collection), &erasure.action)?;
        let (known, path_goes) = (self.holds.ids(), false);
        let (mut erasure, only, beside) = (erasure.clone(), Vec::new(), Vec::new());
        self.holds.count_in(&mut erasure.guards)?;
        let (after, before, whenever) = (Vec::new(), Arc::default(), self.rows.is_some());
        let scope =
            StepScope { erasure, wave, batches, holds, known, only, beside, path_goes, after, whenever };
        Ok(Place { dataset, collection, schema, scope, before })
    }

    /// Tokens and media: a step for each collection that has rows.
    async fn objects(&self, request: &ErasureRequest, found: &mut Surveyed) -> Result<(), StepError> {
        let mut media = Vec::new();
        for (dataset, collection) in self.erasures.sources.collections() {
            let has_media = collection.media.is_some() && request.delete_media;
            if collection.oauth.is_none() && !has_media {
                continue;
            }
            if has_media {
                self.erasures.buckets.check()?;
            }
            let path = collection_path(dataset, collection);
            let schema = self.checked.schemas.get(&dataset.store);
            let schema = schema.ok_or_else(|| broken("a store has no schema"))?;
            let erasure = CollectionErasure::objects(collection, (&path, &dataset.store), schema);
            let place = self.place(&erasure, 0)?;
            let rows = self.count(&place, &[]).await?.erased;
            if rows == 0 {
                continue;
            }
            if collection.oauth.is_some() {
                found.work.tokens.push((path.clone(), rows));
                found.scopes.push(place.scope.clone());
            }
            if has_media {
                buckets::are_known(self.erasures, self.step, &place.scope, self.checked.cutoff_at).await?;
                found.work.media.push((path, rows));
                media.push(place.scope);
            }
        }
        found.scopes.extend(media);
        Ok(())
    }

    async fn collection(
        &self,
        place: &Place<'_>,
        earlier: &[Place<'_>],
        work: &mut Vec<RowsWork>,
        found: &mut Surveyed,
    ) -> Result<(), StepError> {
        let path = place.scope.erasure.collection.clone();
        if self.rows.is_some_and(|rows| rows.of(&place.scope.erasure).is_empty()) {
            // Rows that come to be the person's meanwhile are looked for all the same.
            found.verify.places.push(StepScope { batches: Batches::none(), ..place.scope.clone() });
            return Ok(());
        }
        let Some(narrowed) = self.narrowed(place).await? else {
            found.verify.places.push(place.scope.clone());
            return Ok(());
        };
        let mut counted = self.count(&narrowed, earlier).await?;
        counted.later = self.later(&narrowed).await?;
        let stretches = self.stretches(&narrowed, &counted).await?;
        let count = i64::try_from(stretches.len()).unwrap_or(i64::MAX).max(1);
        let side_by_side = reader(self.erasures, &place.dataset.store)?.max_connections;
        let batches = match self.pass {
            0 | 1 => Batches::merged(&stretches, side_by_side),
            _ => place.scope.batches.clone(),
        };
        found.verify.places.push(StepScope { batches, ..place.scope.clone() });
        for (number, batches) in (0..).zip(stretches) {
            let part_no = (count > 1).then_some(number);
            work.push(RowsWork { collection: path.clone(), part_no, rows: counted.erased / count });
            found.scopes.push(StepScope { batches, ..place.scope.clone() });
        }
        match found.sizes.iter_mut().find(|size| size.collection == path) {
            Some(size) => size.rows = size.rows.saturating_add(counted.erased),
            None => found.sizes.push(CollectionSize { collection: path, rows: counted.erased }),
        }
        found.collections.push(self.planned(&place.scope.erasure, counted));
        Ok(())
    }

    /// The place in the first pass; in a later one the same with only those rows in which something is
    /// left, if there are any.
    async fn narrowed<'p>(&self, place: &Place<'p>) -> Result<Option<Place<'p>>, StepError> {
        let scope = place.scope.clone();
        if self.pass <= 1 {
            return Ok(Some(place.clone()));
        }
        let left = keys_left(self.erasures, self.step, (&scope, MOST_KEYS)).await?;
        let few = left.filter(|keys| keys.len() < usize::try_from(MOST_KEYS).unwrap_or(usize::MAX));
        let batches = match few {
            Some(keys) if keys.is_empty() => return Ok(None),
            Some(keys) => Batches::Keys(vec![keys]),
            // So many that they are found again as the first pass has found them.
            None => scope.batches.clone(),
        };
        Ok(Some(Place { scope: StepScope { batches, ..scope }, ..place.clone() }))
    }

    async fn begin(&self, dataset: &Dataset) -> Result<ReadTransaction, StepError> {
        self.erasures.store(dataset)?.begin_read().await.map_err(|error| store_failed(&error))
    }

    async fn count(&self, place: &Place<'_>, earlier: &[Place<'_>]) -> Result<Counted, StepError> {
        let part = self.part(place)?;
        let earlier = earlier.iter().filter(|earlier| earlier.dataset.store == place.dataset.store);
        let earlier = earlier.map(|place| self.part(place)).collect::<Result<Vec<_>, _>>()?;
        let survey = RowSurvey::plan(&part, &earlier, place.schema).map_err(|error| plan_failed(&error))?;
        let transaction = self.begin(place.dataset).await?;
        let counted = transaction.survey(&survey).await.map_err(|error| store_failed(&error))?;
        transaction.finish().await.map_err(|error| store_failed(&error))?;
        Ok(counted)
    }

    /// How many rows are left because they were made after the cutoff.
    async fn later(&self, place: &Place<'_>) -> Result<i64, StepError> {
        let read = LaterRead::plan(&self.part(place)?, place.schema).map_err(|error| plan_failed(&error))?;
        let Some(read) = read else { return Ok(0) };
        let transaction = self.begin(place.dataset).await?;
        let later = transaction.later(&read).await.map_err(|error| store_failed(&error))?;
        transaction.finish().await.map_err(|error| store_failed(&error))?;
        Ok(later)
    }

    fn part<'p>(&'p self, place: &'p Place<'_>) -> Result<Part<'p>, StepError> {
        let scope = &place.scope;
        let (_, rows) = scope.batches.numbered().next().ok_or_else(|| broken("a scope without rows"))?;
        Ok(Part {
            collection: place.collection,
            action: &scope.erasure.action,
            scope: EraseScope {
                guards: &scope.erasure.guards,
                ..scope.rows(&self.step.organisation, self.checked.cutoff_at, &place.before)
            },
            rows,
        })
    }

    /// The rows in batches, and the batches in steps.
    async fn stretches(&self, place: &Place<'_>, counted: &Counted) -> Result<Vec<Batches>, StepError> {
        let size = |rows: u32| usize::try_from(rows).unwrap_or(usize::MAX).max(1);
        let batch = self.erasures.batch_rows;
        let batches = size(self.erasures.step_rows / batch);
        // Rows that refer to each other go together or not at all.
        if place.scope.erasure.unsplit {
            return Ok(vec![place.scope.batches.whole()]);
        }
        if let Batches::Keys(keys) = place.scope.batches.cut(batch) {
            return Ok(keys.chunks(batches).map(|keys| Batches::Keys(keys.to_vec())).collect());
        }
        let read =
            RangeRead::plan(place.collection, place.schema, &self.step.organisation, self.checked.cutoff_at);
        let read = read.map_err(|error| plan_failed(&error))?;
        let kept = counted.held.values().fold(0_i64, |sum, rows| sum.saturating_add(*rows));
        let all = [counted.erased, kept, counted.shared, counted.guarded];
        let all = all.into_iter().fold(0_i64, i64::saturating_add);
        let transaction = self.begin(place.dataset).await?;
        let ranges = transaction.ranges(&read, all, batch).await.map_err(|error| store_failed(&error))?;
        transaction.finish().await.map_err(|error| store_failed(&error))?;
        Ok(ranges.chunks(batches).map(|ranges| Batches::Ranges(ranges.to_vec())).collect())
    }
}
