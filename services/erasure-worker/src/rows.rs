//! Rows of one collection, batch by batch. Each batch commits with its entry in the journal of the same
//! store, or not at all, so that whatever happens to this process it takes effect once.

use chassis::{StepError, StepProgress};
use connectors::erase::{Batch, BatchId, EraseScope, EraseStatement, PseudonymKey, Rows, run_batch};
use domain::datamap::Collection;
use domain::erasure::RowAction;
use domain::erasure::document::RowsResult;
use domain::schema::LiveSchema;
use store::{Claimed, Produced};

use crate::Erasures;
use crate::failure::{broken, erase_failed, plan_failed};
use crate::scope::{StepScope, open};

pub(crate) async fn run(
    erasures: &Erasures,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let StepScope { erasure, batches } = open(&erasures.sealing, step)?;
    let (dataset, collection) = erasures.find(&erasure.collection)?;
    let schemas = erasures.schemas().await?;
    let schema = schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
    let cutoff_at = step.cutoff.ok_or_else(|| broken("the job has no cutoff"))?;
    let (exclusive, guards) = (erasure.exclusive, &erasure.guards[..]);
    let scope = EraseScope { exclusive, guards, ..EraseScope::all(&step.organisation, cutoff_at) };
    let key = erasures.pseudonym_key(&step.organisation)?;
    let store = erasures.store(dataset)?;
    let (mut done, mut count) = (0_u64, 0_i64);
    for (number, rows) in batches.numbered() {
        let statement = statement(collection, schema, &scope, &rows, &erasure.action, &key)?;
        let id = BatchId { job: step.job_id, step: step.step_no, batch: number };
        let batch = Batch { id, statement: &statement, planned: None };
        let erased = run_batch(store, &batch).await.map_err(|error| erase_failed(&error))?;
        done = done.saturating_add(erased.rows);
        count = count.saturating_add(1);
        progress.set(&erasure.collection, done, 0);
    }
    let result = RowsResult { rows: i64::try_from(done).unwrap_or(i64::MAX), batches: count };
    let result = serde_json::to_value(result).map_err(|_| broken("a result cannot be written down"))?;
    Ok(Produced { result: Some(result), amounts: progress.amounts(), ..Produced::default() })
}

fn statement<'a>(
    collection: &Collection,
    schema: &LiveSchema,
    scope: &EraseScope<'_>,
    rows: &Rows<'_>,
    action: &RowAction,
    key: &'a PseudonymKey,
) -> Result<EraseStatement<'a>, StepError> {
    let statement = match action {
        RowAction::Delete => EraseStatement::delete(collection, schema, scope, rows),
        RowAction::Anonymise(changes) => {
            EraseStatement::anonymise(collection, schema, scope, rows, changes, key)
        }
        RowAction::Unlink(_) => return Err(broken("unlinking is not there yet")),
    };
    statement.map_err(|error| plan_failed(&error))
}
