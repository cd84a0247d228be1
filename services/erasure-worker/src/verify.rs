//! Is anything left? Asked with a role that only reads, over connections of its own, by other
//! statements than those that erased. A job is completed when nothing is, and not before.

mod report;

use std::collections::BTreeMap;

use chassis::{StepError, StepProgress};
use chrono::{DateTime, Utc};
use connectors::StoreConfig;
use connectors::erase::{EraseScope, Expected, PseudonymKey, Remainder, Verification, can_verify, verify};
use domain::erasure::RowAction;
use domain::erasure::document::RowsResult;
use domain::job::StepKind;
use store::{Claimed, Produced};

use crate::failure::{broken, plan_failed, refused, store_failed, trial_failed};
use crate::scope::{StepScope, open};
use crate::{Erasures, holds};

use report::report;

/// So many findings are named in the reason of a failure.
const SHOWN: usize = 5;

pub(crate) async fn run(
    erasures: &Erasures,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let mut scopes: Vec<StepScope> = open(&erasures.sealing, step)?;
    for scope in &mut scopes {
        scope.holds = holds::on(erasures, step, scope).await?;
    }
    let rows = journalled(erasures, step).await?;
    progress.pulse();
    nothing_left(erasures, step, &scopes).await?;
    progress.pulse();
    let (result, retained) = report(erasures, step, &scopes, rows).await?;
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
    scopes: &[StepScope],
) -> Result<(), StepError> {
    let cutoff_at = step.cutoff.ok_or_else(|| broken("the job has no cutoff"))?;
    let left = remainders(erasures, step, (scopes, cutoff_at)).await?;
    if left.is_empty() { Ok(()) } else { Err(refused("not_erased", told(&left))) }
}

/// What is left of these rows, by table and column.
async fn remainders(
    erasures: &Erasures,
    step: &Claimed,
    planned: (&[StepScope], DateTime<Utc>),
) -> Result<Vec<Remainder>, StepError> {
    let mut left = Vec::new();
    for (store, verifications) in verifications(erasures, step, planned).await? {
        let found = verify(reader(erasures, &store)?, &verifications).await;
        left.extend(found.map_err(|error| store_failed(&error))?);
    }
    Ok(left)
}

/// Whether the roles that only read can look for all of this, before there is something to look for.
pub(crate) async fn can_look(
    erasures: &Erasures,
    step: &Claimed,
    planned: (&[StepScope], DateTime<Utc>),
) -> Result<(), StepError> {
    for (store, verifications) in verifications(erasures, step, planned).await? {
        let tried = can_verify(reader(erasures, &store)?, &verifications).await;
        tried.map_err(|error| {
            trial_failed(&error, "the role that verifies could not look for what is left; grant it SELECT")
        })?;
    }
    Ok(())
}

/// Where a store is read to verify.
pub(crate) fn reader<'a>(erasures: &'a Erasures, store: &str) -> Result<&'a StoreConfig, StepError> {
    erasures.verifiers.get(store).ok_or_else(|| broken("a store has no reader"))
}

async fn verifications(
    erasures: &Erasures,
    step: &Claimed,
    (scopes, cutoff_at): (&[StepScope], DateTime<Utc>),
) -> Result<BTreeMap<String, Vec<Verification>>, StepError> {
    let schemas = erasures.read_schemas().await?;
    let raw = erasures.pseudonym_key(&step.organisation)?;
    let key = PseudonymKey::new(&raw);
    let mut verifications: BTreeMap<String, Vec<Verification>> = BTreeMap::new();
    for place in scopes {
        let StepScope { erasure, batches, .. } = place;
        let (dataset, collection) = erasures.find(&erasure.collection)?;
        let schema = schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
        let scope = EraseScope { guards: &erasure.guards, ..place.rows(&step.organisation, cutoff_at) };
        let changes = erasure.action.changes();
        let expected = match erasure.action {
            RowAction::Delete => Expected::Deleted,
            _ => Expected::Anonymised { changes: &changes, key: &key },
        };
        for (_, rows) in batches.numbered() {
            let verification = Verification::plan(collection, schema, &scope, &rows, expected);
            let verification = verification.map_err(|error| plan_failed(&error))?;
            verifications.entry(dataset.store.clone()).or_default().push(verification);
        }
    }
    Ok(verifications)
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
        "verification found what should be gone: {}{more}; rows made or changed while the erasure ran are a \
         matter for another one",
        shown.join("; ")
    )
}
