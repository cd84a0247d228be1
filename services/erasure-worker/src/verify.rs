//! Is anything left? Asked with a role that only reads, over connections of its own, by other
//! statements than those that erased. A job is completed when nothing is, and not before.

mod again;
mod places;
mod report;
mod wait;

use std::collections::BTreeMap;

use chassis::{StepError, StepProgress};
use connectors::StoreConfig;
use connectors::erase::Remainder;
use domain::erasure::document::{RowsResult, VerifyResult};
use domain::job::StepKind;
use store::{Claimed, Produced, Retained};

use crate::Erasures;
use crate::failure::{broken, refused, store_failed};
use crate::scope::{StepScope, VerifyScope, open, seal};

pub(crate) use places::{can_look, journals_name_writers, keys_left, look_at, writers_of};
use report::{KeptRows, Report};
pub(crate) use wait::note;

/// So many findings are named in the reason of a failure.
const SHOWN: usize = 5;

pub(crate) async fn run(
    erasures: &Erasures,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let scope: VerifyScope = open(&erasures.sealing, step)?;
    let not_waited_for = wait::until_ended(erasures, step, &scope.noted, progress).await?;
    let rows = journalled(erasures, step).await?;
    progress.pulse();
    let mut report = Report::default();
    for scope in &scope.places {
        let (looked, kept) = places::look_for_kept(erasures, step, scope).await?;
        report.add(&scope.erasure.collection, looked, kept);
        progress.pulse();
    }
    if let Some(person) = &scope.person {
        for (collection, looked) in again::unplanned(erasures, step, (person, &scope.places)).await? {
            report.add(&collection, looked, BTreeMap::new());
            progress.pulse();
        }
    }
    nothing_may_be_left(&report.remainders)?;
    for reference in &scope.loose {
        report.dangling(
            &reference.collection,
            places::dangling((erasures, step), reference, &scope.noted).await?,
        );
        progress.pulse();
    }
    let (result, kept) = report.ended(rows, not_waited_for);
    let result = VerifyResult { kept: scope.kept, unreached: scope.unreached, ..result };
    let mut retained = Vec::with_capacity(kept.len());
    for KeptRows { hold, collection, rows, kept } in kept {
        let sealed = seal(&erasures.sealing, step, &kept)?;
        retained.push(Retained { hold, collection, rows, sealed });
    }
    let result = serde_json::to_value(result).map_err(|_| broken("a result cannot be written down"))?;
    Ok(Produced { result: Some(result), retained, ..Produced::default() })
}

/// The rows that the journals of the stores have, which must be what the steps have reported.
async fn journalled(erasures: &Erasures, step: &Claimed) -> Result<i64, StepError> {
    let mut journals: BTreeMap<i32, i64> = BTreeMap::new();
    for store in erasures.sources.stores().values() {
        for total in store.journal(step.job_id).await.map_err(|error| store_failed(&error))? {
            let rows = journals.entry(total.step.0).or_default();
            *rows = rows.saturating_add(total.rows);
        }
    }
    let (mut reported, mut found) = (0_i64, 0_i64);
    for input in step.inputs.iter().filter(|input| input.kind == StepKind::EraseRows) {
        let result: RowsResult = serde_json::from_value(input.result.clone())
            .map_err(|_| broken("the result of an earlier step cannot be read"))?;
        reported = reported.saturating_add(result.rows);
        found = found.saturating_add(journals.get(&input.step_no.0).copied().unwrap_or(0));
    }
    if reported == found {
        return Ok(found);
    }
    let detail = format!("the steps reported {reported} rows, but the journals of the stores have {found}");
    Err(refused("journal_differs", detail))
}

/// Refuses to go on when anything is left of these rows.
pub(crate) async fn nothing_left(
    erasures: &Erasures,
    step: &Claimed,
    scope: &StepScope,
) -> Result<(), StepError> {
    nothing_may_be_left(&look_at(erasures, step, scope).await?.remainders)
}

fn nothing_may_be_left(left: &[Remainder]) -> Result<(), StepError> {
    if left.is_empty() { Ok(()) } else { Err(refused("not_erased", told(left))) }
}

/// Where a store is read to verify.
pub(crate) fn reader<'a>(erasures: &'a Erasures, store: &str) -> Result<&'a StoreConfig, StepError> {
    erasures.verifiers.get(store).ok_or_else(|| broken("a store has no reader"))
}

/// What is left and where: table, column and number, no value.
fn told(left: &[Remainder]) -> String {
    let one = |remainder: &Remainder| {
        let Remainder { table, column, rows } = remainder;
        match column {
            Some(column) => format!("{table}.{column}: {rows} rows still hold values"),
            None => format!("{table}: {rows} rows are still there"),
        }
    };
    let shown: Vec<String> = left.iter().take(SHOWN).map(one).collect();
    let more = match left.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    format!(
        "verification found what should be gone: {}{more}; retry the job, and a further pass erases what is left",
        shown.join("; ")
    )
}
