//! Rows of one collection, batch by batch. Each batch commits with its entry in the journal of the same
//! store, or not at all, so that whatever happens to this process it takes effect once.

use chassis::{StepError, StepProgress};
use connectors::SubjectStore;
use connectors::erase::{Batch, BatchId, EraseScope, EraseStatement, PseudonymKey, Rows, run_batch};
use domain::datamap::Collection;
use domain::erasure::RowAction;
use domain::erasure::document::RowsResult;
use domain::schema::LiveSchema;
use store::{Claimed, Produced};

use crate::computed::{self, Computing};
use crate::failure::{broken, erase_failed, plan_failed};
use crate::opened::Opened;
use crate::scope::StepScope;
use crate::{Erasures, verify};

pub(crate) async fn run(
    erasures: &Erasures,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let opened = Opened::of(erasures, step).await?;
    let StepScope { erasure, batches, path_goes, .. } = &opened.planned;
    let scope = EraseScope { guards: &erasure.guards, threads: &erasure.threads, ..opened.scope() };
    let raw = erasures.pseudonym_key(&step.organisation)?;
    let key = PseudonymKey::new(&raw);
    let (store, collection, schema) = (erasures.store(opened.dataset)?, opened.collection, opened.schema()?);
    let rows = OneByOne { store, collection, schema, scope, action: &erasure.action, key: &key, raw: &raw };
    let (mut done, mut count) = (0_u64, 0_i64);
    for (number, of) in batches.numbered() {
        let id = BatchId { job: step.job_id, step: step.step_no, batch: number };
        done = done.saturating_add(rows.erase(id, of).await?);
        count = count.saturating_add(1);
        progress.set(&erasure.collection, done, 0);
    }
    if *path_goes {
        verify::nothing_left(erasures, step, std::slice::from_ref(&opened.planned)).await?;
    }
    let result = RowsResult { rows: i64::try_from(done).unwrap_or(i64::MAX), batches: count };
    let result = serde_json::to_value(result).map_err(|_| broken("a result cannot be written down"))?;
    Ok(Produced { result: Some(result), amounts: progress.amounts(), ..Produced::default() })
}

/// One collection, of which one batch after the other is erased.
pub(crate) struct OneByOne<'a> {
    pub store: &'a SubjectStore,
    pub collection: &'a Collection,
    pub schema: &'a LiveSchema,
    pub scope: EraseScope<'a>,
    pub action: &'a RowAction,
    pub key: &'a PseudonymKey,
    pub raw: &'a [u8; 32],
}

impl OneByOne<'_> {
    /// Erases the rows of a batch, unless the journal has it; how many there were.
    async fn erase(&self, id: BatchId, rows: Rows<'_>) -> Result<u64, StepError> {
        let statements = self.statements(rows).await?;
        let batch = Batch { id, statements: &statements, planned: None };
        let erased = run_batch(self.store, &batch).await.map_err(|error| erase_failed(&error))?;
        Ok(erased.rows)
    }

    /// What erases these rows.
    pub async fn statements(&self, rows: Rows<'_>) -> Result<Vec<EraseStatement<'_>>, StepError> {
        let Self { store, collection, schema, ref scope, action, key, raw } = *self;
        let statement = match action {
            RowAction::Delete => EraseStatement::delete(collection, schema, scope, &rows),
            RowAction::Anonymise(changes) if computed::needed(changes) => {
                let computing = Computing { store, collection, schema, changes, key: raw };
                return computing.statements(scope, rows).await;
            }
            RowAction::Anonymise(changes) => {
                EraseStatement::anonymise(collection, schema, scope, &rows, changes, key)
            }
            RowAction::Unlink(_) => {
                EraseStatement::anonymise(collection, schema, scope, &rows, &action.changes(), key)
            }
        };
        statement.map(|statement| vec![statement]).map_err(|error| plan_failed(&error))
    }
}
