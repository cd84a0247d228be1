//! What the organisation is called, for whoever opens its package.

use chassis::StepError;
use connectors::{FoundOrganisation, OrganisationRead, ReadTransaction, Schemas};
use store::Claimed;

use crate::Exports;
use crate::failure::{broken, plan_failed, store_failed};

/// Looks the organisation up in its store, in a transaction that the caller may use further.
pub(crate) async fn find(
    exports: &Exports,
    step: &Claimed,
    schemas: &Schemas,
) -> Result<(Option<FoundOrganisation>, ReadTransaction), StepError> {
    let map = exports.sources.map();
    let (dataset, _) =
        map.organisation().ok_or_else(|| broken("the data map names no table of organisations"))?;
    let schema = schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
    let read =
        OrganisationRead::plan(map, schema, &step.organisation).map_err(|error| plan_failed(&error))?;
    let transaction =
        exports.sources.store(dataset)?.begin_read().await.map_err(|error| store_failed(&error))?;
    let found = transaction.organisation(&read).await.map_err(|error| store_failed(&error))?;
    Ok((found, transaction))
}

/// Its name; `None` where the data map names no column for it, or nobody has filled it in.
pub(crate) async fn name(exports: &Exports, step: &Claimed) -> Result<Option<String>, StepError> {
    // Then there is nothing to ask the store for.
    if exports.sources.map().organisation().is_none_or(|(_, root)| root.name.is_none()) {
        return Ok(None);
    }
    let schemas = exports.sources.schemas().await?;
    let (found, transaction) = find(exports, step, &schemas).await?;
    transaction.finish().await.map_err(|error| store_failed(&error))?;
    Ok(found.and_then(|found| found.name).filter(|name| !name.trim().is_empty()))
}
