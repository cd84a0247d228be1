//! What a job consists of: its steps, fixed once by planning.

use serde::{Deserialize, Serialize};

use crate::job::{Phase, StepKind};

/// A step as planning writes it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// The phase it belongs to, after [`Phase::PLANNING`].
    pub phase: Phase,
    /// What is to be done.
    pub kind: StepKind,
    /// The collection it works on, as `dataset.collection`; `None` for steps over all of them.
    pub collection: Option<String>,
    /// How many rows it was planned for.
    pub rows_planned: i64,
}

/// How many rows of one collection an export will read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionSize {
    /// `dataset.collection`.
    pub collection: String,
    /// Rows of the organisation at planning.
    pub rows: i64,
}

/// Unless configured otherwise, exports up to this many rows are read in one transaction by one
/// step: wholly consistent, and the fastest path, because nobody waits for a sibling.
pub const WHOLE_EXPORT_ROWS: i64 = 20_000;

/// The steps of an export.
///
/// One of up to `whole_rows` rows is a single step. A large one reads each collection in a step of its own, the
/// largest first so that the longest work starts at once, and then assembles the archive.
#[must_use]
pub fn export_steps(sizes: &[CollectionSize], whole_rows: i64) -> Vec<PlannedStep> {
    let total = sizes.iter().fold(0_i64, |sum, size| sum.saturating_add(size.rows));
    let step = |phase, kind, collection, rows_planned| PlannedStep {
        phase: Phase(phase),
        kind,
        collection,
        rows_planned,
    };
    if total <= whole_rows {
        return vec![step(1, StepKind::ExportWhole, None, total)];
    }
    let mut largest_first: Vec<&CollectionSize> = sizes.iter().collect();
    largest_first.sort_by_key(|size| std::cmp::Reverse(size.rows));
    let mut steps: Vec<PlannedStep> = largest_first
        .into_iter()
        .map(|size| step(1, StepKind::ExportCollection, Some(size.collection.clone()), size.rows))
        .collect();
    steps.push(step(2, StepKind::AssembleArchive, None, 0));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(collection: &str, rows: i64) -> CollectionSize {
        CollectionSize { collection: collection.to_owned(), rows }
    }

    #[test]
    fn a_small_export_is_one_step_even_when_there_is_nothing_to_read() {
        for sizes in [vec![], vec![size("a.b", 0)], vec![size("a.b", WHOLE_EXPORT_ROWS)]] {
            let steps = export_steps(&sizes, WHOLE_EXPORT_ROWS);
            assert_eq!(steps.len(), 1);
            assert_eq!(steps[0].kind, StepKind::ExportWhole);
        }
    }

    #[test]
    fn a_large_export_reads_every_collection_once_and_assembles_last() {
        let steps = export_steps(
            &[size("a.small", 1), size("a.large", WHOLE_EXPORT_ROWS), size("a.empty", 0)],
            WHOLE_EXPORT_ROWS,
        );
        let read: Vec<&str> = steps.iter().filter_map(|s| s.collection.as_deref()).collect();
        assert_eq!(read, ["a.large", "a.small", "a.empty"]);
        let last = steps.last().unwrap();
        assert_eq!((last.kind, last.phase), (StepKind::AssembleArchive, Phase(2)));
        assert!(steps.iter().rev().skip(1).all(|s| s.phase == Phase(1)));
    }
}
