//! Rows of one collection, batch by batch. Each batch commits with its entry in the journal of the same
//! store, or not at all, so that whatever happens to this process it takes effect once. Each reads the
//! legal holds first, under the lock by which they bind.

use chassis::{StepError, StepProgress};
use connectors::SubjectStore;
use connectors::erase::{
    BatchId, Begun, EraseError, EraseScope, EraseStatement, EraseTransaction, OpenBatch, PseudonymKey,
    RowLock, Rows,
};
use domain::datamap::Collection;
use domain::erasure::RowAction;
use domain::erasure::document::RowsResult;
use domain::schema::LiveSchema;
use store::{Claimed, Produced};

use crate::computed::{self, Computing};
use crate::failure::{broken, erase_failed, plan_failed, store_failed};
use crate::obeyed::{Looking, Next, Obeyed};
use crate::opened::Opened;
use crate::scope::StepScope;
use crate::{Erasures, verify};

/// So often rows are erased that came while the batches were at work, where nobody could find them later.
const SWEEPS: usize = 3;
/// How often a batch is begun again, with its rows locked first, before the step is left for later.
const TRIES: u32 = 3;

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
    let rows = OneByOne { collection, schema, scope, action: &erasure.action, key: &key, raw: &raw };
    let mut obeyed = opened.obeyed();
    let (mut done, mut count) = (0_u64, 0_i32);
    for (number, of) in batches.numbered() {
        let batch = Attempt { store, step, number, of };
        done = done.saturating_add(batch.carry_out(&rows, &mut obeyed).await?);
        count = count.saturating_add(1);
        progress.set(&erasure.collection, done, 0);
    }
    if *path_goes {
        for number in (count..).take(SWEEPS) {
            let left = verify::keys_left(erasures, step, (&opened.planned, erasures.batch_rows)).await?;
            let Some(left) = left.filter(|keys| !keys.is_empty()) else { break };
            let batch = Attempt { store, step, number, of: Rows::Keys(&left) };
            batch.carry_out(&rows, &mut obeyed).await?;
        }
        verify::nothing_left(erasures, step, &opened.planned).await?;
        // A sweep of an earlier attempt of the step is entered there, and nowhere else.
        (done, count) = entered(store, step).await?;
        progress.set(&erasure.collection, done, 0);
    }
    let result = RowsResult { rows: i64::try_from(done).unwrap_or(i64::MAX), batches: count.into() };
    let result = serde_json::to_value(result).map_err(|_| broken("a result cannot be written down"))?;
    Ok(Produced { result: Some(result), amounts: progress.amounts(), ..Produced::default() })
}

/// The rows and the batches of a step that its journal has.
async fn entered(store: &SubjectStore, step: &Claimed) -> Result<(u64, i32), StepError> {
    let totals = store.journal(step.job_id).await.map_err(|error| store_failed(&error))?;
    let own = totals.into_iter().find(|total| total.step == step.step_no);
    Ok(own.map_or((0, 0), |own| {
        (u64::try_from(own.rows).unwrap_or_default(), i32::try_from(own.batches).unwrap_or(i32::MAX))
    }))
}

/// One batch, until it is done or cannot be.
struct Attempt<'a> {
    store: &'a SubjectStore,
    step: &'a Claimed,
    number: i32,
    of: Rows<'a>,
}

impl Attempt<'_> {
    /// Erases the rows of the batch, unless the journal has it; how many there were.
    async fn carry_out(&self, rows: &OneByOne<'_>, obeyed: &mut Obeyed<'_>) -> Result<u64, StepError> {
        let Claimed { job_id, step_no, organisation, .. } = self.step;
        let id = BatchId { job: *job_id, step: *step_no, batch: self.number };
        let mut tries = 0;
        loop {
            let begun = OpenBatch::begin(self.store, id, organisation).await;
            let open = match begun.map_err(|error| store_failed(&error))? {
                Begun::Done(rows) => return Ok(rows),
                Begun::Open(open) => open,
            };
            if let Next::LearnFirst = obeyed.read(Looking::Erasing(open.transaction())).await? {
                // Over other connections: whoever waits for one must not keep one.
                open.give_up().await.map_err(|error| store_failed(&error))?;
                obeyed.learn().await?;
                continue;
            }
            let scope = EraseScope { holds: obeyed.holds(), ..rows.scope };
            if tries > 0 {
                rows.lock(open.transaction(), &scope, self.of).await?;
            }
            let statements = rows.statements(open.transaction(), &scope, self.of).await?;
            match open.commit(&statements).await {
                Ok(erased) => return Ok(erased.rows),
                Err(EraseError::Disturbed(_) | EraseError::Unplanned(_)) if tries < TRIES => tries += 1,
                Err(error) => return Err(erase_failed(&error)),
            }
        }
    }
}

/// One collection, of which one batch after the other is erased.
pub(crate) struct OneByOne<'a> {
    pub collection: &'a Collection,
    pub schema: &'a LiveSchema,
    pub scope: EraseScope<'a>,
    pub action: &'a RowAction,
    pub key: &'a PseudonymKey,
    pub raw: &'a [u8; 32],
}

impl OneByOne<'_> {
    /// What erases these rows, as far as the scope goes.
    pub async fn statements(
        &self,
        transaction: &EraseTransaction,
        scope: &EraseScope<'_>,
        rows: Rows<'_>,
    ) -> Result<Vec<EraseStatement<'_>>, StepError> {
        let Self { collection, schema, action, key, raw, .. } = *self;
        let statement = match action {
            RowAction::Delete => EraseStatement::delete(collection, schema, scope, &rows),
            RowAction::Anonymise(changes) if computed::needed(changes) => {
                let computing = Computing { transaction, collection, schema, changes, key: raw };
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

    /// Locks the rows, so that no row can come to refer to one of them before the transaction ends: those
    /// that are referred to by then are left.
    async fn lock(
        &self,
        transaction: &EraseTransaction,
        scope: &EraseScope<'_>,
        rows: Rows<'_>,
    ) -> Result<(), StepError> {
        let lock = RowLock::plan(self.collection, self.schema, scope, &rows);
        let lock = lock.map_err(|error| plan_failed(&error))?;
        transaction.lock(&lock).await.map_err(|error| store_failed(&error))
    }
}
