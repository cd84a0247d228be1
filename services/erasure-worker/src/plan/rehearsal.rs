//! What no catalogue tells: whether the server takes what would be written, whether something objects at
//! the end, puts values back, or writes to other tables. Some rows of every collection are erased as the
//! plan says, in one transaction for each store, and that is undone.

mod stage;
mod told;

use std::collections::BTreeSet;

use chassis::StepError;
use connectors::erase::{EraseScope, PseudonymKey, Remainder, Verification, rehearse, verify as look};
use domain::erasure::RowAction;
use domain::erasure::document::Rehearsal;
use store::Claimed;

use super::preflight::Checked;
use crate::Erasures;
use crate::before::NOTHING;
use crate::failure::{broken, plan_failed, refused, store_failed};
use crate::scope::StepScope;
use crate::verify;

use stage::Stage;

/// So many rows of a store are tried, and fewer when that takes too long.
const ROWS: [usize; 3] = [500, 50, 5];
/// So often it is tried when somebody else's writing can be what stands in the way.
const TRIES: usize = 3;

/// Tries the plan on rows of every store.
pub(super) async fn of(
    erasures: &Erasures,
    step: &Claimed,
    checked: &Checked,
    places: &[StepScope],
) -> Result<Rehearsal, StepError> {
    let raw = erasures.pseudonym_key(&step.organisation)?;
    let key = PseudonymKey::new(&raw);
    let mut all = Rehearsal::default();
    verify::can_look(erasures, step, checked.cutoff_at, places).await?;
    let places: Vec<&StepScope> =
        places.iter().filter(|place| place.batches.whole().numbered().next().is_some()).collect();
    let stores: BTreeSet<&str> = places.iter().map(|place| place.erasure.store.as_str()).collect();
    for name in stores {
        let here = places.iter().copied().filter(|place| place.erasure.store == name).collect();
        let stage = Stage::of((erasures, step), checked, here, (&key, &raw)).await?;
        for place in stage.places.iter().filter(|place| !place.planned.erasure.threads.is_empty()) {
            threads(erasures, &stage, place.planned).await?;
        }
        let tried = on(&stage).await?;
        all.rows = all.rows.saturating_add(tried.rows);
        all.not_sampled.extend(tried.not_sampled);
        all.outside.extend(tried.outside);
    }
    Ok(all)
}

/// Tries it on the rows of one store.
async fn on(stage: &Stage<'_>) -> Result<Rehearsal, StepError> {
    let probe = stage.probe();
    for room in ROWS {
        let (mut tries, mut slow) = (1..=TRIES, false);
        while let Some(attempt) = tries.next().filter(|_| !slow) {
            let sampled = stage.sample(room).await?;
            let rows = stage.rows();
            let transaction = stage.store.begin_erase().await.map_err(|error| store_failed(&error))?;
            let trials = stage.trials(&transaction, &rows, &sampled).await?;
            match rehearse(transaction, &probe, &trials).await {
                Ok(rows) => return Ok(stage.tried(rows, &sampled, room)),
                Err(objection) if objection.is_slow() => slow = true,
                Err(objection) if objection.may_pass() && attempt < TRIES => {}
                Err(objection) => return Err(told::refusal(&objection, stage)),
            }
        }
    }
    Ok(stage.too_slow())
}

/// Refuses to delete rows to which rows of their own table refer that stay: the server would refuse half-way,
/// or delete or change those along, a held row or another organisation's.
async fn threads(erasures: &Erasures, stage: &Stage<'_>, place: &StepScope) -> Result<(), StepError> {
    if place.erasure.action != RowAction::Delete {
        return Ok(());
    }
    let (_, collection) = erasures.find(&place.erasure.collection)?;
    let whole = place.batches.whole();
    let (_, all) = whole.numbered().next().ok_or_else(|| broken("a scope without rows"))?;
    let scope = EraseScope {
        guards: &place.erasure.guards,
        threads: &place.erasure.threads,
        ..place.rows(stage.organisation, stage.cutoff_at, &NOTHING)
    };
    let counted = Verification::of_threads(collection, stage.schema, &scope, &all);
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
