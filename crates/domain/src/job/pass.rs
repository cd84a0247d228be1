//! Passes of an erasure: a job that left something is planned once more, behind what it has done.

use super::kind::StepKind;

/// Which pass each step belongs to, from 1 on; `kinds` are those of the job's steps in the order of
/// their numbers. A planning step begins a pass, and what comes before the first one is of the first.
#[must_use]
pub fn passes(kinds: impl IntoIterator<Item = StepKind>) -> Vec<i32> {
    let count = |planned: &mut i32, kind: StepKind| {
        *planned = planned.saturating_add(i32::from(kind.plans()));
        Some((*planned).max(1))
    };
    kinds.into_iter().scan(0, count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planning_step_begins_a_pass_and_the_mark_before_it_is_of_the_first() {
        use StepKind as K;
        let kinds = [
            K::SoftDelete,
            K::PlanErasure,
            K::EraseRows,
            K::VerifyErasure,
            K::PlanErasure,
            K::VerifyErasure,
            K::PlanErasure,
        ];
        assert_eq!(passes(kinds), [1, 1, 1, 1, 2, 2, 3]);
        assert_eq!(passes([K::PlanExport, K::ExportWhole]), [1, 1]);
        assert_eq!(passes([]), Vec::<i32>::new());
    }
}
