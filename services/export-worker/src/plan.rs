//! The first step: check, measure, cut large collections into key ranges, and write the other steps down.

use std::collections::BTreeMap;

use chassis::{StepError, StepProgress};
use connectors::{CollectionRead, ExportScope, KeyRange, MediaRead, ReadTransaction, Schemas};
use domain::datamap::{Collection, Dataset};
use domain::erasure::SubjectRef;
use domain::job::{FailureReason, JobOutcome};
use domain::plan::{CollectionSize, CollectionWork, export_steps};
use domain::schema::LiveSchema;
use store::{Claimed, Plan, Produced};

use crate::failure::{plan_failed, store_failed};
use crate::ranges::{self, Ranges};
use crate::result::written;
use crate::sources::path;
use crate::subject::{self, Person};
use crate::{Exports, organisation, request};

pub(crate) async fn run(
    exports: &Exports,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let schemas = exports.sources.read_schemas().await?;
    progress.pulse();
    if let Some(reason) = obstacle(exports, step, &schemas)? {
        return Err(StepError::Permanent(reason));
    }
    let cutoff_at = find_organisation(exports, step, &schemas).await?;
    progress.pulse();
    let request = request(step)?;
    if let Some(subject) = &request.subject {
        return of_person(exports, step, (subject, &schemas), cutoff_at).await;
    }
    let scope =
        ExportScope { organisation: &step.organisation, cutoff_at, formats: request.format, only: None };
    let mut survey = Survey { exports, scope, include_media: request.include_media, ranges: Ranges::new() };
    let mut work = Vec::new();
    for store in exports.sources.map().stores() {
        let of_store: Vec<_> =
            exports.sources.exported().filter(|(dataset, _)| dataset.store == store).collect();
        if let (Some((first, _)), Some(schema)) = (of_store.first(), schemas.get(store)) {
            let transaction = exports.sources.begin_read(first, cutoff_at).await?;
            work.extend(survey.of_store(&of_store, schema, &transaction, progress).await?);
            transaction.finish().await.map_err(|error| store_failed(&error))?;
        }
    }
    let order: Vec<String> =
        exports.sources.exported().map(|(dataset, collection)| path(dataset, collection)).collect();
    work.sort_by_key(|work| order.iter().position(|name| *name == work.collection));
    let steps = export_steps(&work, exports.whole_rows);
    let size =
        |work: &CollectionWork| CollectionSize { collection: work.collection.clone(), rows: work.rows };
    let sizes = work.iter().map(size).collect();
    let plan = Plan { cutoff: cutoff_at, steps, sizes, scopes: Vec::new() };
    let result = written(&ranges::write(exports, step, &survey.ranges).await?)?;
    Ok(Produced { plan: Some(plan), result, ..Produced::default() })
}

/// The export of one person is one step, however large the organisation is.
async fn of_person(
    exports: &Exports,
    step: &Claimed,
    (subject, schemas): (&SubjectRef, &Schemas),
    cutoff_at: chrono::DateTime<chrono::Utc>,
) -> Result<Produced, StepError> {
    let person = Person::of(exports, step, subject, schemas).await?;
    let (mut own, mut found) = (BTreeMap::new(), false);
    for (name, store) in exports.sources.stores() {
        let transaction = store.begin_read_at(cutoff_at).await.map_err(|error| store_failed(&error))?;
        let rows = person.rows(exports, step, (name, schemas), &transaction).await?;
        found |= !rows.is_empty();
        own.extend(rows.own);
        transaction.finish().await.map_err(|error| store_failed(&error))?;
    }
    if !found {
        return Ok(nobody(cutoff_at));
    }
    let work = subject::work(exports, &own);
    let size =
        |work: &CollectionWork| CollectionSize { collection: work.collection.clone(), rows: work.rows };
    let sizes = work.iter().map(size).collect();
    let plan = Plan { cutoff: cutoff_at, steps: export_steps(&work, i64::MAX), sizes, scopes: Vec::new() };
    let result = written(&ranges::write(exports, step, &Ranges::new()).await?)?;
    Ok(Produced { plan: Some(plan), result, ..Produced::default() })
}

/// Nothing is left to do where no row leads to the person: a package of nothing would look like an answer.
fn nobody(cutoff: chrono::DateTime<chrono::Utc>) -> Produced {
    let plan = Plan { cutoff, steps: Vec::new(), sizes: Vec::new(), scopes: Vec::new() };
    Produced { plan: Some(plan), outcome: Some(JobOutcome::NobodyFound), ..Produced::default() }
}

/// What stands in the way of the job, as one reason; `None` when nothing does.
fn obstacle(
    exports: &Exports,
    step: &Claimed,
    schemas: &Schemas,
) -> Result<Option<FailureReason>, StepError> {
    let media = request(step)?.include_media && exports.sources.with_media().next().is_some();
    let buckets = media.then(|| exports.buckets.obstacle()).flatten();
    Ok(exports.sources.obstacle(schemas).or(buckets))
}

/// Makes sure that the organisation is there, and takes the cutoff from the clock of its store.
async fn find_organisation(
    exports: &Exports,
    step: &Claimed,
    schemas: &Schemas,
) -> Result<chrono::DateTime<chrono::Utc>, StepError> {
    let (found, transaction) = organisation::find(exports, step, schemas).await?;
    if found.is_none() {
        let detail = "the subject store has no organisation with the id of the token's claim";
        return Err(StepError::Permanent(FailureReason::new("organisation_unknown", detail)));
    }
    let cutoff_at = transaction.clock().await.map_err(|error| store_failed(&error))?;
    transaction.finish().await.map_err(|error| store_failed(&error))?;
    Ok(cutoff_at)
}

/// Finds out how much there is to do.
struct Survey<'a> {
    exports: &'a Exports,
    scope: ExportScope<'a>,
    include_media: bool,
    ranges: Ranges,
}

impl Survey<'_> {
    /// Measures and cuts the collections of one store. A small organisation is counted, a large one
    /// estimated: the steps that read it say how much there was.
    async fn of_store(
        &mut self,
        collections: &[(&Dataset, &Collection)],
        schema: &LiveSchema,
        transaction: &ReadTransaction,
        progress: &StepProgress,
    ) -> Result<Vec<CollectionWork>, StepError> {
        let reads = collections
            .iter()
            .map(|(_, collection)| CollectionRead::plan(collection, schema, &self.scope, None))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| plan_failed(&error))?;
        let sizes = transaction.sizes(&reads, self.exports.whole_rows).await;
        let sizes = sizes.map_err(|error| store_failed(&error))?;
        progress.pulse();
        let total = sizes.iter().fold(0_i64, |sum, rows| sum.saturating_add(*rows));
        let mut work = Vec::new();
        for (((dataset, collection), read), rows) in collections.iter().zip(&reads).zip(sizes) {
            let collection_path = path(dataset, collection);
            let mut parts = 1;
            if total > self.exports.whole_rows {
                let ranges = self.cut(transaction, read, rows).await?;
                progress.pulse();
                parts = u32::try_from(ranges.len()).unwrap_or(u32::MAX);
                if parts > 1 {
                    self.ranges.insert(collection_path.clone(), ranges);
                }
            }
            let media = self.media(collection, schema, transaction).await?;
            work.push(CollectionWork { collection: collection_path, rows, parts, media });
        }
        Ok(work)
    }

    /// The key ranges in which a collection is read.
    async fn cut(
        &self,
        transaction: &ReadTransaction,
        read: &CollectionRead,
        rows: i64,
    ) -> Result<Vec<KeyRange>, StepError> {
        let part = self.exports.part_rows;
        // Half a part more is not worth another step.
        let parts = (rows.saturating_add(part / 2) / part).max(1);
        let parts = u32::try_from(parts).unwrap_or(u32::MAX);
        if parts == 1 {
            return Ok(vec![KeyRange::whole()]);
        }
        transaction.split(read, rows, parts).await.map_err(|error| store_failed(&error))
    }

    /// How many media objects the rows name; `None` when none are to be copied.
    async fn media(
        &self,
        collection: &Collection,
        schema: &LiveSchema,
        transaction: &ReadTransaction,
    ) -> Result<Option<i64>, StepError> {
        if !self.include_media {
            return Ok(None);
        }
        let read = MediaRead::plan(collection, schema, &self.scope).map_err(|error| plan_failed(&error))?;
        let Some(read) = read else {
            return Ok(None);
        };
        let count = transaction.media_count(&read).await.map_err(|error| store_failed(&error))?;
        Ok(Some(count.objects))
    }
}
