//! What no catalogue tells: whether the server takes what would be written. A few rows of each collection
//! are erased as the plan says, and that is undone. A CHECK that refuses the new values, a rule or a
//! trigger that objects, is found before the first row is changed for good.

use std::collections::BTreeSet;

use chassis::StepError;
use connectors::SubjectStore;
use connectors::erase::{
    BatchId, EraseScope, Page, PageRead, PseudonymKey, Remainder, Rows, Verification, rehearse,
    verify as look,
};
use domain::erasure::RowAction;
use store::Claimed;

use super::preflight::Checked;
use crate::Erasures;
use crate::failure::{broken, plan_failed, refused, store_failed, trial_failed};
use crate::rows::OneByOne;
use crate::scope::StepScope;
use crate::verify;

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
    journals(erasures, step, places).await?;
    verify::can_look(erasures, step, checked.cutoff_at, places).await?;
    for place in places {
        let erasure = &place.erasure;
        let (dataset, collection) = erasures.find(&erasure.collection)?;
        let schema = checked.schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
        let scope = EraseScope {
            guards: &erasure.guards,
            threads: &erasure.threads,
            ..place.rows(&step.organisation, checked.cutoff_at)
        };
        let store = erasures.store(dataset)?;
        let rows = OneByOne { collection, schema, scope, action: &erasure.action, key: &key, raw: &raw };
        match erasure.action {
            // What else a deletion breaks is in the catalogues, and other rows may have to go first.
            RowAction::Delete if erasure.threads.is_empty() => {}
            RowAction::Delete => threads(erasures, &rows, place).await?,
            _ => one(step, (store, &rows), place).await?,
        }
    }
    Ok(())
}

async fn one(
    step: &Claimed,
    (store, rows): (&SubjectStore, &OneByOne<'_>),
    place: &StepScope,
) -> Result<(), StepError> {
    let whole = place.batches.whole();
    let Some((_, all)) = whole.numbered().next() else { return Ok(()) };
    let keys = few(store, rows, all).await?;
    if keys.is_empty() {
        return Ok(());
    }
    let transaction = store.begin_erase().await.map_err(|error| store_failed(&error))?;
    let statements = rows.statements(&transaction, &rows.scope, Rows::Keys(&keys)).await?;
    transaction.rollback().await.map_err(|error| store_failed(&error))?;
    let tried = rehearse(store, &probe(step), &statements).await;
    tried.map_err(|error| {
        let table = &place.erasure.table;
        let told = format!(
            "{table}: the server does not take what would be written; name another strategy for the columns that \
             this is about"
        );
        trial_failed(&error, &told)
    })
}

/// An entry in the journal that is never kept: the planning step has no batches.
fn probe(step: &Claimed) -> BatchId {
    BatchId { job: step.job_id, step: step.step_no, batch: 0 }
}

/// Whether the journal of each store can be written, before tokens and media go, or another store's rows.
async fn journals(erasures: &Erasures, step: &Claimed, places: &[StepScope]) -> Result<(), StepError> {
    let stores: BTreeSet<&str> = places.iter().map(|place| place.erasure.store.as_str()).collect();
    for (name, store) in erasures.sources.stores() {
        if !stores.contains(name.as_str()) {
            continue;
        }
        rehearse(store, &probe(step), &[]).await.map_err(|error| {
            let told = format!(
                "the table lethe.journal of store `{name}` cannot be written; `lethe data-map journal` prints what makes it"
            );
            trial_failed(&error, &told)
        })?;
    }
    Ok(())
}

/// Refuses to delete rows to which rows of their own table refer that stay: the server would refuse half-way,
/// or delete or change those along, a held row or another organisation's.
async fn threads(erasures: &Erasures, rows: &OneByOne<'_>, place: &StepScope) -> Result<(), StepError> {
    let whole = place.batches.whole();
    let Some((_, all)) = whole.numbered().next() else { return Ok(()) };
    let counted = Verification::of_threads(rows.collection, rows.schema, &rows.scope, &all);
    let counted = [counted.map_err(|error| plan_failed(&error))?];
    let found = look(verify::reader(erasures, &place.erasure.store)?, &counted).await;
    let found = found.map_err(|error| store_failed(&error))?;
    let Some(Remainder { table, rows, .. }) = found.first() else { return Ok(()) };
    let columns: Vec<String> = place.erasure.threads.iter().map(|thread| thread.columns.join(", ")).collect();
    let detail = format!(
        "nothing was erased: {table}: {rows} rows that would be deleted are referred to ({}) by rows of the same table \
         that stay (under a legal hold, newer than this request, or another organisation's); let the hold cover what \
         its rows refer to, or anonymise this collection instead of deleting it",
        columns.join("; ")
    );
    Err(refused("erasure_refused", detail))
}

/// The keys of the first rows.
async fn few(
    store: &SubjectStore,
    rows: &OneByOne<'_>,
    all: Rows<'_>,
) -> Result<Vec<Vec<String>>, StepError> {
    let failed = |error| store_failed(&error);
    let page = Page { of: all, after: None, rows: ROWS };
    let read = PageRead::plan(rows.collection, rows.schema, &rows.scope, &[], &page);
    let read = read.map_err(|error| plan_failed(&error))?;
    let transaction = store.begin_read().await.map_err(failed)?;
    let found = transaction.page(&read).await.map_err(failed)?;
    transaction.finish().await.map_err(failed)?;
    Ok(found.into_iter().map(|row| row.key).collect())
}
