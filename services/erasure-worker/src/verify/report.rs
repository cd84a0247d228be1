//! What was left on purpose: rows that a legal hold keeps, and rows that others need.

use std::collections::BTreeMap;

use chassis::StepError;
use chrono::{DateTime, NaiveDate, Utc};
use connectors::SubjectStore;
use connectors::erase::{EraseScope, Part, Survey, Surveyed};
use domain::erasure::document::{LeftOver, VerifyResult};
use store::{Claimed, Retained};

use crate::Erasures;
use crate::failure::{broken, plan_failed, store_failed};
use crate::scope::StepScope;

/// Counts what was left, by collection.
pub(super) async fn report(
    erasures: &Erasures,
    step: &Claimed,
    scopes: &[StepScope],
    rows: i64,
) -> Result<(VerifyResult, Vec<Retained>), StepError> {
    let (mut retained, mut left) = (BTreeMap::new(), BTreeMap::<(String, &str), i64>::new());
    for scope in scopes {
        let cutoff_at = step.cutoff.ok_or_else(|| broken("the job has no cutoff"))?;
        let Surveyed { held, shared, guarded, erased, .. } = survey(erasures, step, scope, cutoff_at).await?;
        let (path, mut later) = (&scope.erasure.collection, 0);
        if erasures.find(path)?.1.created_at.is_some() {
            let ever = survey(erasures, step, scope, ever()).await?;
            later = ever.erased.saturating_sub(erased);
        }
        for (hold, rows) in held {
            // A row that is unlinked first and deleted later is kept once.
            let known = retained.entry((hold, path.clone())).or_insert(rows);
            *known = rows.max(*known);
        }
        for (why, rows) in [("shared", shared), ("referred", guarded), ("later", later)] {
            let known = left.entry((path.clone(), why)).or_insert(rows);
            *known = rows.max(*known);
        }
    }
    let retained: Vec<Retained> = retained
        .into_iter()
        .filter(|(_, rows)| *rows > 0)
        .map(|((hold, collection), rows)| Retained { hold, collection, rows })
        .collect();
    let left = left.into_iter().filter(|(_, rows)| *rows > 0);
    let left = left.map(|((collection, why), rows)| LeftOver { collection, why: why.to_owned(), rows });
    Ok((VerifyResult { rows, left: left.collect() }, retained))
}

/// Later than any row.
fn ever() -> DateTime<Utc> {
    let last = NaiveDate::from_ymd_opt(9999, 12, 31).and_then(|day| day.and_hms_opt(0, 0, 0));
    last.map_or(DateTime::<Utc>::MAX_UTC, |last| last.and_utc())
}

/// What there is of one scope now, asked as a role that only reads.
async fn survey(
    erasures: &Erasures,
    step: &Claimed,
    scope: &StepScope,
    cutoff_at: DateTime<Utc>,
) -> Result<Surveyed, StepError> {
    let (dataset, collection) = erasures.find(&scope.erasure.collection)?;
    let schemas = erasures.schemas().await?;
    let schema = schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
    let config = erasures.verifiers.get(&dataset.store).ok_or_else(|| broken("a store has no reader"))?;
    let failed = |error| store_failed(&error);
    let transaction = SubjectStore::connect(config).map_err(failed)?.begin_read().await.map_err(failed)?;
    let mut all = Surveyed::default();
    for (_, rows) in scope.batches.numbered() {
        let part = Part {
            collection,
            action: &scope.erasure.action,
            scope: EraseScope { guards: &scope.erasure.guards, ..scope.rows(&step.organisation, cutoff_at) },
            rows,
        };
        let survey = Survey::plan(&part, &[], schema).map_err(|error| plan_failed(&error))?;
        let found = transaction.survey(&survey).await.map_err(failed)?;
        all.erased = all.erased.saturating_add(found.erased);
        all.shared = all.shared.saturating_add(found.shared);
        all.guarded = all.guarded.saturating_add(found.guarded);
        for (hold, rows) in found.held {
            let known = all.held.entry(hold).or_default();
            *known = known.saturating_add(rows);
        }
    }
    transaction.finish().await.map_err(failed)?;
    Ok(all)
}
