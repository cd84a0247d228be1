//! The mark on an organisation that waits for its erasure: set at once, taken away when it is called off.

use chassis::StepError;
use connectors::SubjectStore;
use connectors::erase::{Batch, BatchId, EraseStatement, Erased, restore, run_batch};
use domain::erasure::{SoftDelete, soft_delete};
use domain::id::StepNo;
use domain::schema::LiveSchema;
use store::{Claimed, Produced};

use crate::Erasures;
use crate::failure::{broken, erase_failed, plan_failed};
use crate::plan::preflight::{facts, refused_by};

/// A job that marks its organisation does so in its first step.
const SETTING: StepNo = StepNo(1);

/// Marks the organisation as deleted.
pub(crate) async fn set(erasures: &Erasures, step: &Claimed) -> Result<Produced, StepError> {
    let Some(marking) = Marking::find(erasures).await? else {
        return Ok(Produced::default());
    };
    let statement = EraseStatement::soft_delete(&marking.mark, &marking.schema, &step.organisation);
    let statement = statement.map_err(|error| plan_failed(&error))?;
    let statements = std::slice::from_ref(&statement);
    let batch = Batch { id: batch(step, step.step_no), statements, planned: None };
    told(run_batch(&marking.store, &batch).await)
}

/// Takes the mark away again, if this job has set it; otherwise it never will.
pub(crate) async fn unset(erasures: &Erasures, step: &Claimed) -> Result<Produced, StepError> {
    let Some(marking) = Marking::find(erasures).await? else {
        return Ok(Produced::default());
    };
    let statement = EraseStatement::undo_soft_delete(&marking.mark, &marking.schema, &step.organisation);
    let statement = statement.map_err(|error| plan_failed(&error))?;
    let (setting, own) = (batch(step, SETTING), batch(step, step.step_no));
    told(restore(&marking.store, &setting, &own, &statement).await)
}

/// Takes the mark away in the course of another step, for a job that will not go on.
pub(crate) async fn unset_if_set(erasures: &Erasures, step: &Claimed) -> Result<(), StepError> {
    // Its first step marks, or nothing does.
    if step.step_no == SETTING {
        return Ok(());
    }
    unset(erasures, step).await.map(drop)
}

/// Where organisations are marked.
struct Marking {
    store: SubjectStore,
    schema: LiveSchema,
    mark: SoftDelete,
}

impl Marking {
    /// `None` where the data map names no column for it.
    async fn find(erasures: &Erasures) -> Result<Option<Self>, StepError> {
        let (schemas, facts) = (erasures.schemas().await?, facts(erasures).await?);
        let mark = soft_delete(erasures.sources.map(), &schemas, &facts);
        let Some(mark) = mark.map_err(|obstacles| refused_by(&obstacles))? else { return Ok(None) };
        let store = erasures.sources.stores().get(&mark.store);
        let store = store.ok_or_else(|| broken("a dataset's store is not configured"))?.clone();
        let schema = schemas.get(&mark.store).ok_or_else(|| broken("a store has no schema"))?.clone();
        Ok(Some(Self { store, schema, mark }))
    }
}

fn batch(step: &Claimed, number: StepNo) -> BatchId {
    BatchId { job: step.job_id, step: number, batch: 0 }
}

fn told(erased: Result<Erased, connectors::erase::EraseError>) -> Result<Produced, StepError> {
    let erased = erased.map_err(|error| erase_failed(&error))?;
    Ok(Produced { result: Some(serde_json::json!({"rows": erased.rows})), ..Produced::default() })
}
