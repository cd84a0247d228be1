//! The key ranges of a job: fixed once by planning, kept in object storage.
//!
//! A key may be an e-mail address, so ranges never enter the control database; steps know their
//! range by its number alone.

use std::collections::BTreeMap;

use chassis::StepError;
use connectors::KeyRange;
use domain::job::StepKind;
use store::Claimed;

use crate::Exports;
use crate::archive::attempt_folder;
use crate::failure::broken;
use crate::result::{self, PlanResult};

/// The ranges of every collection that was cut, by `dataset.collection`.
pub(crate) type Ranges = BTreeMap<String, Vec<KeyRange>>;

/// Stores the ranges of a job; nothing when no collection was cut.
pub(crate) async fn write(
    exports: &Exports,
    step: &Claimed,
    ranges: &Ranges,
) -> Result<PlanResult, StepError> {
    if ranges.is_empty() {
        return Ok(PlanResult::default());
    }
    let key = attempt_folder(step)?.ranges();
    exports.put_json(&key, ranges).await?;
    Ok(PlanResult { ranges: Some(key) })
}

/// The range that a step reads; `None` for the whole collection.
pub(crate) async fn of_step(
    exports: &Exports,
    step: &Claimed,
    collection: &str,
) -> Result<Option<KeyRange>, StepError> {
    let Some(number) = step.part_no else {
        return Ok(None);
    };
    let planned = step.inputs.iter().find(|input| input.kind == StepKind::PlanExport);
    let planned: Option<PlanResult> = planned.map(result::read).transpose()?;
    let key = planned
        .and_then(|planned| planned.ranges)
        .ok_or_else(|| broken("the plan of the job names no key ranges"))?;
    let mut ranges: Ranges = exports.get_json(&key).await?;
    let range = ranges
        .remove(collection)
        .and_then(|ranges| ranges.into_iter().nth(usize::try_from(number).unwrap_or(usize::MAX)));
    range.map(Some).ok_or_else(|| broken("the step's key range is not among those of the plan"))
}
