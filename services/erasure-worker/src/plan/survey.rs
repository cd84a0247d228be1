//! How many rows there are of each collection, and into which steps and batches they are cut.

use chassis::{StepError, StepProgress};
use connectors::erase::SubjectRows;
use connectors::{CollectionRead, ExportScope, KeyRange, ReadTransaction};
use domain::datamap::{Collection, Dataset};
use domain::erasure::document::CollectionPlan;
use domain::erasure::steps::{ErasureWork, RowsWork};
use domain::erasure::{CollectionErasure, ErasurePlan, ErasureRequest, RowAction};
use domain::export::ExportFormat;
use domain::hold::Hold;
use domain::plan::CollectionSize;
use domain::schema::LiveSchema;
use store::Claimed;

use super::held::Held;
use super::preflight::Checked;
use crate::Erasures;
use crate::failure::{broken, plan_failed, store_failed};
use crate::scope::{Batches, StepScope};

/// What the survey has found out.
#[derive(Default)]
pub(super) struct Surveyed {
    pub work: ErasureWork,
    /// The scopes of the steps, in their order.
    pub scopes: Vec<StepScope>,
    /// What is verified at the end.
    pub verify: Vec<StepScope>,
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
    pub progress: &'a StepProgress,
}

/// One collection of a wave, with what it takes to look at it.
struct Place<'a> {
    dataset: &'a Dataset,
    collection: &'a Collection,
    schema: &'a LiveSchema,
    erasure: &'a CollectionErasure,
    wave: usize,
    holds: Vec<Hold>,
}

impl Place<'_> {
    fn scope(&self, batches: Batches) -> StepScope {
        StepScope {
            erasure: self.erasure.clone(),
            wave: self.wave,
            batches,
            holds: self.holds.clone(),
            only: None,
        }
    }
}

impl Survey<'_> {
    pub async fn of(&self, planned: &ErasurePlan, request: &ErasureRequest) -> Result<Surveyed, StepError> {
        let mut found = Surveyed::default();
        self.objects(planned, request, &mut found).await?;
        for (wave, erasures) in planned.waves.iter().enumerate() {
            let mut work = Vec::new();
            for erasure in erasures {
                let place = self.place(erasure, wave)?;
                self.collection(&place, &mut work, &mut found).await?;
                self.progress.pulse();
            }
            if !work.is_empty() {
                found.work.waves.push(work);
            }
        }
        Ok(found)
    }

    fn place<'p>(&'p self, erasure: &'p CollectionErasure, wave: usize) -> Result<Place<'p>, StepError> {
        let (dataset, collection) = self.erasures.find(&erasure.collection)?;
        let schema = self.checked.schemas.get(&dataset.store);
        let schema = schema.ok_or_else(|| broken("a store has no schema"))?;
        let holds = self.holds.on(&erasure.collection)?;
        Ok(Place { dataset, collection, schema, erasure, wave, holds })
    }

    /// Tokens and media: a step for each collection that has some.
    async fn objects(
        &self,
        planned: &ErasurePlan,
        request: &ErasureRequest,
        found: &mut Surveyed,
    ) -> Result<(), StepError> {
        let mut media = Vec::new();
        for (dataset, collection) in self.erasures.sources.collections() {
            let path = connectors::collection_path(dataset, collection);
            let has_media = collection.media.is_some() && request.delete_media;
            if collection.oauth.is_none() && !has_media {
                continue;
            }
            let erasure = named(planned, dataset, collection, &path);
            let place = self.place(&erasure, 0)?;
            let transaction = self.begin(dataset).await?;
            let rows = self.count(&place, &transaction).await?;
            transaction.finish().await.map_err(|error| store_failed(&error))?;
            if rows == 0 {
                continue;
            }
            let scope = place.scope(self.whole(&place.erasure.collection));
            if collection.oauth.is_some() {
                found.work.tokens.push((path.clone(), rows));
                found.scopes.push(scope);
            }
            if has_media {
                found.work.media.push((path, rows));
                media.push(place.scope(self.whole(&place.erasure.collection)));
            }
        }
        found.scopes.extend(media);
        Ok(())
    }

    async fn collection(
        &self,
        place: &Place<'_>,
        work: &mut Vec<RowsWork>,
        found: &mut Surveyed,
    ) -> Result<(), StepError> {
        let transaction = self.begin(place.dataset).await?;
        let rows = self.count(place, &transaction).await?;
        if self.rows.is_some() && rows == 0 {
            return transaction.finish().await.map_err(|error| store_failed(&error));
        }
        let path = &place.erasure.collection;
        let stretches = self.stretches(place, &transaction, rows).await?;
        transaction.finish().await.map_err(|error| store_failed(&error))?;
        let count = i64::try_from(stretches.len()).unwrap_or(i64::MAX).max(1);
        for (number, stretch) in (0..).zip(stretches) {
            let part_no = (count > 1).then_some(number);
            work.push(RowsWork { collection: path.clone(), part_no, rows: rows / count });
            found.scopes.push(place.scope(stretch));
        }
        found.verify.push(place.scope(self.whole(path)));
        found.collections.push(CollectionPlan {
            collection: path.clone(),
            store: place.erasure.store.clone(),
            table: place.erasure.table.clone(),
            action: place.erasure.action.name().to_owned(),
            fields: place.erasure.action.fields(),
            rows,
            retained: Vec::new(),
            shared: 0,
            referred: 0,
        });
        match found.sizes.iter_mut().find(|size| size.collection == *path) {
            Some(size) => size.rows = size.rows.saturating_add(rows),
            None => found.sizes.push(CollectionSize { collection: path.clone(), rows }),
        }
        Ok(())
    }

    async fn begin(&self, dataset: &Dataset) -> Result<ReadTransaction, StepError> {
        self.erasures.store(dataset)?.begin_read().await.map_err(|error| store_failed(&error))
    }

    async fn count(&self, place: &Place<'_>, transaction: &ReadTransaction) -> Result<i64, StepError> {
        if let Some(rows) = self.rows {
            return Ok(i64::try_from(rows.of(place.erasure).len()).unwrap_or(i64::MAX));
        }
        let read = self.read(place.collection, place.schema)?;
        transaction.count(&read).await.map_err(|error| store_failed(&error))
    }

    /// All rows of a collection at once.
    fn whole(&self, collection: &str) -> Batches {
        match self.rows {
            None => Batches::Ranges(vec![KeyRange::whole()]),
            Some(rows) => Batches::Keys(vec![rows.own.get(collection).cloned().unwrap_or_default()]),
        }
    }

    /// The rows in batches, and the batches in steps.
    async fn stretches(
        &self,
        place: &Place<'_>,
        transaction: &ReadTransaction,
        rows: i64,
    ) -> Result<Vec<Batches>, StepError> {
        let size = |rows: u32| usize::try_from(rows).unwrap_or(usize::MAX).max(1);
        let batch = self.erasures.batch_rows;
        let batches = size(self.erasures.step_rows / batch);
        if let Some(found) = self.rows {
            let keys: Vec<Vec<Vec<String>>> =
                found.of(place.erasure).chunks(size(batch)).map(<[_]>::to_vec).collect();
            return Ok(keys.chunks(batches).map(|keys| Batches::Keys(keys.to_vec())).collect());
        }
        let parts = match place.erasure.unsplit {
            true => 1,
            false => u32::try_from(rows / i64::from(batch) + 1).unwrap_or(u32::MAX),
        };
        let read = self.read(place.collection, place.schema)?;
        let ranges = transaction.split(&read, rows, parts).await.map_err(|error| store_failed(&error))?;
        Ok(ranges.chunks(batches).map(|ranges| Batches::Ranges(ranges.to_vec())).collect())
    }

    fn read(&self, collection: &Collection, schema: &LiveSchema) -> Result<CollectionRead, StepError> {
        let scope = ExportScope {
            organisation: &self.step.organisation,
            cutoff_at: self.checked.cutoff_at,
            formats: ExportFormat::Json,
        };
        CollectionRead::plan(collection, schema, &scope, None).map_err(|error| plan_failed(&error))
    }
}

/// What is planned for a collection, or that nothing is: its tokens and media go all the same.
fn named(planned: &ErasurePlan, dataset: &Dataset, collection: &Collection, path: &str) -> CollectionErasure {
    let planned = planned.waves.iter().flatten().find(|erasure| erasure.collection == path);
    planned.cloned().unwrap_or_else(|| CollectionErasure {
        collection: path.to_owned(),
        store: dataset.store.clone(),
        table: collection.table.clone(),
        action: RowAction::Anonymise(Vec::new()),
        exclusive: false,
        unsplit: false,
        guards: Vec::new(),
    })
}
