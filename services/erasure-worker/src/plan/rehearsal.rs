//! What no catalogue tells: whether the server takes what would be written. A few rows of each collection
//! are erased as the plan says, and that is undone. A CHECK that refuses the new values, a rule or a
//! trigger that objects, is found before the first row is changed for good.

use chassis::StepError;
use connectors::erase::{EraseScope, Page, PageRead, PseudonymKey, Rows, rehearse};
use domain::erasure::RowAction;
use store::Claimed;

use super::preflight::Checked;
use crate::Erasures;
use crate::failure::{broken, plan_failed, refused, store_failed};
use crate::rows::OneByOne;
use crate::scope::StepScope;

/// So many rows of each collection.
const ROWS: u32 = 100;

pub(super) async fn of(
    erasures: &Erasures,
    step: &Claimed,
    checked: &Checked,
    places: &[StepScope],
) -> Result<(), StepError> {
    let raw = erasures.pseudonym_key(&step.organisation)?;
    let key = PseudonymKey::new(&raw);
    for place in places {
        let erasure = &place.erasure;
        // What a deletion breaks is in the catalogues, and other rows may have to go first.
        if matches!(erasure.action, RowAction::Delete) {
            continue;
        }
        let (dataset, collection) = erasures.find(&erasure.collection)?;
        let schema = checked.schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
        let scope = EraseScope {
            holds: &place.holds,
            exclusive: erasure.exclusive,
            guards: &erasure.guards,
            ..EraseScope::all(&step.organisation, checked.cutoff_at)
        };
        let store = erasures.store(dataset)?;
        let rows =
            OneByOne { store, collection, schema, scope, action: &erasure.action, key: &key, raw: &raw };
        one(&rows, place).await?;
    }
    Ok(())
}

async fn one(rows: &OneByOne<'_>, place: &StepScope) -> Result<(), StepError> {
    let (_, all) = place.batches.numbered().next().ok_or_else(|| broken("a scope without rows"))?;
    let keys = few(rows, all).await?;
    if keys.is_empty() {
        return Ok(());
    }
    let statements = rows.statements(Rows::Keys(&keys)).await?;
    let tried = rehearse(rows.store, &statements).await;
    tried.map_err(|error| match error.is_retryable() {
        true => store_failed(&error),
        false => refused(
            "erasure_refused",
            format!(
                "nothing was erased: {}: the server does not take what would be written ({error}); name another \
                 strategy for the columns that this is about",
                place.erasure.table
            ),
        ),
    })
}

/// The keys of the first rows.
async fn few(rows: &OneByOne<'_>, all: Rows<'_>) -> Result<Vec<Vec<String>>, StepError> {
    let failed = |error| store_failed(&error);
    let page = Page { of: all, after: None, rows: ROWS };
    let read = PageRead::plan(rows.collection, rows.schema, &rows.scope, &[], &page);
    let read = read.map_err(|error| plan_failed(&error))?;
    let transaction = rows.store.begin_read().await.map_err(failed)?;
    let found = transaction.page(&read).await.map_err(failed)?;
    transaction.finish().await.map_err(failed)?;
    Ok(found.into_iter().map(|row| row.key).collect())
}
