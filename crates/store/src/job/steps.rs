//! A job's steps as the API shows them: what each waits for, and which pass it belongs to.

use std::collections::BTreeMap;

use contracts::http::{FailureView, StepView};
use domain::job::StepKind;
use domain::job::pass::passes;

use crate::error::StoreError;
use crate::rows::{JobRow, StepRow};

/// The steps of one job, which are in order.
pub(super) fn views(rows: Vec<StepRow>) -> Result<Vec<StepView>, StoreError> {
    let kinds: Vec<StepKind> = rows.iter().map(StepRow::kind).collect::<Result<_, _>>()?;
    Ok(rows.into_iter().zip(passes(kinds)).map(|(row, pass)| view(row, pass)).collect())
}

/// What a job waits for that is on hold, or whose last step waits.
pub(super) fn waits_for(job: &JobRow, steps: &[StepView]) -> Option<FailureView> {
    let waits = job.ended_at.is_none();
    steps.iter().find_map(|step| step.waits_for.clone()).filter(|_| waits)
}

pub(super) fn failure(code: &Option<String>, detail: &Option<String>) -> Option<FailureView> {
    code.as_ref().map(|code| FailureView { code: code.clone(), detail: detail.clone().unwrap_or_default() })
}

fn view(row: StepRow, pass: i32) -> StepView {
    let reason = failure(&row.failure_code, &row.failure_detail);
    let begun = row.state == "due" && reason.is_some();
    let (waits_for, failure) = if row.waits { (reason, None) } else { (None, reason) };
    StepView {
        step_no: row.step_no,
        phase: row.phase,
        pass: (pass > 1).then_some(pass),
        failure,
        waits_for,
        kind: row.kind,
        collection: row.collection,
        state: row.state,
        attempts: row.attempts,
        started_at: row.started_at,
        ended_at: row.ended_at,
        not_before: row.not_before.filter(|_| begun),
        skip_reason: row.skip_reason,
        waived_reason: row.waived_reason,
        links: BTreeMap::new(),
    }
}
