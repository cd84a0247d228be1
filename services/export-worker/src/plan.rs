//! The first step: check, count, and write the other steps down.

use chassis::{StepError, StepProgress};
use connectors::{CollectionRead, ExportScope, OrganisationRead};
use domain::datamap::{Collection, Dataset};
use domain::job::FailureReason;
use domain::plan::{CollectionSize, export_steps};
use store::{Claimed, Plan, Produced};

use crate::failure::{broken, plan_failed, store_failed};
use crate::sources::{Schemas, path};
use crate::{Exports, request};

pub(crate) async fn run(
    exports: &Exports,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let schemas = exports.sources.read_schemas().await?;
    progress.pulse();
    if let Some(reason) = exports.sources.obstacle(&schemas) {
        return Err(StepError::Permanent(reason));
    }
    let cutoff_at = find_organisation(exports, step, &schemas).await?;
    progress.pulse();
    let scope = ExportScope { organisation: &step.organisation, cutoff_at, formats: request(step)?.format };
    let mut sizes = Vec::new();
    for store in exports.sources.map.stores() {
        let of_store: Vec<_> =
            exports.sources.exported().filter(|(dataset, _)| dataset.store == store).collect();
        sizes.extend(count(exports, &of_store, &schemas, &scope).await?);
        progress.pulse();
    }
    let order: Vec<String> =
        exports.sources.exported().map(|(dataset, collection)| path(dataset, collection)).collect();
    sizes.sort_by_key(|size| order.iter().position(|name| *name == size.collection));
    let steps = export_steps(&sizes, exports.whole_rows);
    let plan = Plan { cutoff: cutoff_at, steps, sizes };
    Ok(Produced { plan: Some(plan), ..Produced::default() })
}

/// Makes sure that the organisation is there, and takes the cutoff from the clock of its store.
async fn find_organisation(
    exports: &Exports,
    step: &Claimed,
    schemas: &Schemas,
) -> Result<chrono::DateTime<chrono::Utc>, StepError> {
    let map = &exports.sources.map;
    let (dataset, _) =
        map.organisation().ok_or_else(|| broken("the data map names no table of organisations"))?;
    let schema = schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
    let read =
        OrganisationRead::plan(map, schema, &step.organisation).map_err(|error| plan_failed(&error))?;
    let transaction =
        exports.sources.store(dataset)?.begin_read().await.map_err(|error| store_failed(&error))?;
    let found = transaction.organisation(&read).await.map_err(|error| store_failed(&error))?;
    if found.is_none() {
        let detail = "the subject store has no organisation with the id of the token's claim";
        return Err(StepError::Permanent(FailureReason::new("organisation_unknown", detail)));
    }
    let cutoff_at = transaction.clock().await.map_err(|error| store_failed(&error))?;
    transaction.finish().await.map_err(|error| store_failed(&error))?;
    Ok(cutoff_at)
}

/// Counts the rows of collections of one store.
async fn count(
    exports: &Exports,
    collections: &[(&Dataset, &Collection)],
    schemas: &Schemas,
    scope: &ExportScope<'_>,
) -> Result<Vec<CollectionSize>, StepError> {
    let Some((first, _)) = collections.first() else {
        return Ok(Vec::new());
    };
    let schema = schemas.get(&first.store).ok_or_else(|| broken("a store has no schema"))?;
    let reads = collections
        .iter()
        .map(|(_, collection)| CollectionRead::plan(collection, schema, scope))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| plan_failed(&error))?;
    let transaction =
        exports.sources.store(first)?.begin_read().await.map_err(|error| store_failed(&error))?;
    let counts = transaction.counts(&reads).await.map_err(|error| store_failed(&error))?;
    transaction.finish().await.map_err(|error| store_failed(&error))?;
    let size = |((dataset, collection), rows): (&(&Dataset, &Collection), i64)| CollectionSize {
        collection: path(dataset, collection),
        rows,
    };
    Ok(collections.iter().zip(counts).map(size).collect())
}
