//! Whether a legal hold can be obeyed at all: one that was placed before the store was asked about it, or before
//! a column changed, may compare what no store can compare.

use chassis::StepError;
use connectors::Schemas;
use connectors::erase::Misfit;
use domain::hold::{HeldRows, HoldScope};

use crate::Erasures;
use crate::failure::{broken, refused, store_failed};
use crate::holds::OpenHold;

/// Refuses a hold on rows that the store cannot find. Nothing may be erased beside it: it could be any row.
pub(crate) async fn must_be(
    erasures: &Erasures,
    open: &OpenHold,
    schemas: &Schemas,
) -> Result<(), StepError> {
    let HoldScope::Rows { collection: path, .. } = &open.scope else { return Ok(()) };
    let Some((dataset, collection)) = erasures.sources.find(path) else { return Ok(()) };
    let Some(HeldRows::Where(comparisons)) = open.rows_of(path)? else { return Ok(()) };
    let schema = schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
    let misfits = erasures.store(dataset)?.misfits(collection, schema, &comparisons).await;
    let misfits = misfits.map_err(|error| store_failed(&error))?;
    for (at, misfit) in &misfits {
        let why = match misfit {
            // What no row can hold keeps no row.
            Misfit::Unheld { .. } => continue,
            Misfit::Value { .. } => "its value cannot be compared",
            Misfit::Column { .. } | Misfit::Missing(_) => "its column cannot be compared",
        };
        let column = comparisons.get(*at).map_or("", |comparison| &comparison.column);
        let detail = format!(
            "the legal hold {} on rows of {path} cannot be obeyed, so nothing more is erased: `{column}`: {why}: {misfit}; \
             release it, and place one that says which rows are meant",
            open.id
        );
        return Err(refused("hold_unusable", detail));
    }
    Ok(())
}
