//! The mark on an organisation that waits for its erasure: set at once, taken away when it is called off.

use chassis::StepError;
use connectors::SubjectStore;
use connectors::erase::{BatchId, Erased, OrganisationMark, set_mark, unset_mark};
use domain::id::StepNo;
use store::{Claimed, Produced};

use crate::Erasures;
use crate::failure::{broken, erase_failed, plan_failed};

/// A job that marks its organisation does so in its first step.
const SETTING: StepNo = StepNo(1);

/// Marks the organisation as deleted.
pub(crate) async fn set(erasures: &Erasures, step: &Claimed) -> Result<Produced, StepError> {
    let Some((store, mark)) = planned(erasures, step).await? else {
        return Ok(Produced::default());
    };
    let set =
        set_mark(store, batch(step, step.step_no), &mark).await.map_err(|error| erase_failed(&error))?;
    Ok(told(set))
}

/// Takes the mark away again, if this job has set it; otherwise it never will.
pub(crate) async fn unset(erasures: &Erasures, step: &Claimed) -> Result<Produced, StepError> {
    let Some((store, mark)) = planned(erasures, step).await? else {
        return Ok(Produced::default());
    };
    let batches = (batch(step, SETTING), batch(step, step.step_no));
    let unset = unset_mark(store, batches, &mark).await.map_err(|error| erase_failed(&error))?;
    Ok(told(unset))
}

async fn planned<'e>(
    erasures: &'e Erasures,
    step: &Claimed,
) -> Result<Option<(&'e SubjectStore, OrganisationMark)>, StepError> {
    let map = erasures.sources.map();
    let (dataset, _) =
        map.organisation().ok_or_else(|| broken("the data map names no table of organisations"))?;
    let schemas = erasures.schemas().await?;
    let schema = schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
    let mark =
        OrganisationMark::plan(map, schema, &step.organisation).map_err(|error| plan_failed(&error))?;
    mark.map(|mark| Ok((erasures.store(dataset)?, mark))).transpose()
}

fn batch(step: &Claimed, number: StepNo) -> BatchId {
    BatchId { job: step.job_id, step: number, batch: 0 }
}

fn told(erased: Erased) -> Produced {
    Produced { result: Some(serde_json::json!({"rows": erased.rows})), ..Produced::default() }
}
