//! Whether the store can find what a hold on rows is on, asked of the store itself.

use connectors::Sources;
use connectors::erase::Misfit;
use contracts::http::{ComparisonBody, FieldError, HoldScopeBody};
use domain::hold::Comparison;
use secrecy::ExposeSecret as _;

use crate::error::ApiError;

/// Lets through what the store can compare.
///
/// # Errors
/// [`ApiError::Values`] for each comparison that it cannot make, which repeats no value.
pub(super) async fn check(sources: &Sources, scope: &HoldScopeBody) -> Result<(), ApiError> {
    let HoldScopeBody::Rows(held) = scope else { return Ok(()) };
    // A collection that no job works on is not erased either.
    let Some((dataset, collection)) = sources.find(&held.rows.collection) else { return Ok(()) };
    let store = sources.stores().get(&dataset.store);
    let store = store.ok_or(ApiError::Internal("a store of the data map is not open", None))?;
    let schema = store.live_schema(&[dataset.schema.as_str()]).await?;
    let comparisons: Vec<Comparison> = held.rows.comparisons.iter().map(compared).collect();
    let misfits = store.misfits(collection, &schema, &comparisons).await?;
    match misfits.is_empty() {
        true => Ok(()),
        false => Err(ApiError::Values(misfits.iter().map(pointed_to).collect())),
    }
}

fn compared(body: &ComparisonBody) -> Comparison {
    Comparison {
        column: body.column.clone(),
        operator: body.operator.into(),
        value: body.value.secret().expose_secret().to_owned(),
    }
}

fn pointed_to((at, misfit): &(usize, Misfit)) -> FieldError {
    let member = match misfit {
        Misfit::Value { .. } | Misfit::Unheld { .. } => "value",
        Misfit::Column { .. } | Misfit::Missing(_) => "column",
    };
    FieldError { pointer: format!("/scope/rows/comparisons/{at}/{member}"), detail: misfit.to_string() }
}
