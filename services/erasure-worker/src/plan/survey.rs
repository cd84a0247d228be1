//! How many rows there are of each collection, and into which steps and batches they are cut.

use chassis::{StepError, StepProgress};
use chrono::{DateTime, Utc};
use connectors::{CollectionRead, ExportScope, KeyRange, Schemas};
use domain::datamap::Collection;
use domain::erasure::document::CollectionPlan;
use domain::erasure::steps::{ErasureWork, RowsWork};
use domain::erasure::{CollectionErasure, ErasurePlan};
use domain::export::ExportFormat;
use domain::plan::CollectionSize;
use domain::schema::LiveSchema;
use store::Claimed;

use crate::Erasures;
use crate::failure::{broken, plan_failed, store_failed};
use crate::scope::{Batches, StepScope};

/// What the survey has found out.
#[derive(Default)]
pub(super) struct Surveyed {
    pub work: ErasureWork,
    /// The scopes of the steps over rows, in their order.
    pub scopes: Vec<StepScope>,
    /// What is verified at the end.
    pub verify: Vec<StepScope>,
    pub collections: Vec<CollectionPlan>,
    pub sizes: Vec<CollectionSize>,
}

pub(super) struct Survey<'a> {
    pub erasures: &'a Erasures,
    pub step: &'a Claimed,
    pub schemas: &'a Schemas,
    pub cutoff_at: DateTime<Utc>,
    pub progress: &'a StepProgress,
}

impl Survey<'_> {
    pub async fn of(&self, planned: &ErasurePlan) -> Result<Surveyed, StepError> {
        let mut found = Surveyed::default();
        for wave in &planned.waves {
            let mut work = Vec::new();
            for erasure in wave {
                self.collection(erasure, &mut work, &mut found).await?;
                self.progress.pulse();
            }
            found.work.waves.push(work);
        }
        Ok(found)
    }

    async fn collection(
        &self,
        erasure: &CollectionErasure,
        work: &mut Vec<RowsWork>,
        found: &mut Surveyed,
    ) -> Result<(), StepError> {
        let (dataset, collection) = self.erasures.find(&erasure.collection)?;
        let schema = self.schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
        let failed = |error| store_failed(&error);
        let transaction = self.erasures.store(dataset)?.begin_read().await.map_err(failed)?;
        let read = self.read(collection, schema)?;
        let rows = transaction.count(&read).await.map_err(failed)?;
        let batches = match erasure.unsplit {
            true => 1,
            false => i64::from(self.erasures.batch_rows),
        };
        let parts = if erasure.unsplit { 1 } else { u32::try_from(rows / batches + 1).unwrap_or(u32::MAX) };
        let ranges = transaction.split(&read, rows, parts).await.map_err(failed)?;
        transaction.finish().await.map_err(failed)?;
        let per_step = (self.erasures.step_rows / self.erasures.batch_rows).max(1);
        let stretches: Vec<&[KeyRange]> =
            ranges.chunks(usize::try_from(per_step).unwrap_or(usize::MAX)).collect();
        let wave = found.work.waves.len();
        let scope =
            |batches| StepScope { erasure: erasure.clone(), wave, batches, holds: Vec::new(), only: None };
        let count = i64::try_from(ranges.len()).unwrap_or(i64::MAX).max(1);
        for (number, stretch) in (0..).zip(&stretches) {
            work.push(RowsWork {
                collection: erasure.collection.clone(),
                part_no: (stretches.len() > 1).then_some(number),
                rows: rows / count * i64::try_from(stretch.len()).unwrap_or(0),
            });
            found.scopes.push(scope(Batches::Ranges(stretch.to_vec())));
        }
        let whole = Batches::Ranges(vec![KeyRange::whole()]);
        found.verify.push(scope(whole));
        found.collections.push(CollectionPlan {
            collection: erasure.collection.clone(),
            store: erasure.store.clone(),
            table: erasure.table.clone(),
            action: erasure.action.name().to_owned(),
            fields: erasure.action.fields(),
            rows,
            retained: Vec::new(),
            shared: 0,
            referred: 0,
        });
        match found.sizes.iter_mut().find(|size| size.collection == erasure.collection) {
            Some(size) => size.rows = size.rows.saturating_add(rows),
            None => found.sizes.push(CollectionSize { collection: erasure.collection.clone(), rows }),
        }
        Ok(())
    }

    fn read(&self, collection: &Collection, schema: &LiveSchema) -> Result<CollectionRead, StepError> {
        let scope = ExportScope {
            organisation: &self.step.organisation,
            cutoff_at: self.cutoff_at,
            formats: ExportFormat::Json,
        };
        CollectionRead::plan(collection, schema, &scope, None).map_err(|error| plan_failed(&error))
    }
}
