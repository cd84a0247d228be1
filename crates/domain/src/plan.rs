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
    /// Which key range of its collection it reads, from 0 on; `None` when it reads all of it. The
    /// range itself may be personal data and is not part of a plan.
    #[serde(default)]
    pub part_no: Option<i32>,
    /// How many rows it was planned for, estimated for a large organisation; media objects for a step
    /// that copies those.
    pub rows_planned: i64,
}

/// How many rows of one collection an export will read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionSize {
    /// `dataset.collection`.
    pub collection: String,
    /// Rows of the organisation at planning, estimated for a large one.
    pub rows: i64,
}

/// What planning found out about one collection of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionWork {
    /// `dataset.collection`.
    pub collection: String,
    /// Rows of the organisation, estimated for a large one.
    pub rows: i64,
    /// Into how many key ranges it was cut; 0 and 1 mean not at all.
    pub parts: u32,
    /// How many media objects it names; `None` when no media of it are to be exported.
    pub media: Option<i64>,
}

/// Unless configured otherwise, exports up to this many rows are read in one transaction by one
/// step: wholly consistent, and the fastest path, because nobody waits for a sibling.
pub const WHOLE_EXPORT_ROWS: i64 = 20_000;

/// Unless configured otherwise, larger collections are cut into key ranges of about this many rows:
/// some seconds of work each, so that many workers share one job and a crash costs little. Smaller
/// ones would cost the store more than they spare: reading in ranges was measured at 1.2 to 2.4
/// times the work of reading in one go (ADR 22).
pub const PART_ROWS: i64 = 1_000_000;

/// As many rows are read in the time that one media object takes: an object is a request to
/// another server, a row a few hundred bytes of a stream.
const ROWS_PER_OBJECT: i64 = 500;

/// Where the steps of a large export stand. Phases may be left out: the next one that has steps
/// follows.
const READ: Phase = Phase(1);
const JOIN: Phase = Phase(2);
const ASSEMBLE: Phase = Phase(3);

/// The steps of an export.
///
/// One of up to `whole_rows` rows is a single step, media included: there are no more objects than
/// rows that name them. A large one reads its collections first, each in a step of its own or in
/// one per key range, beside one step per collection with media; the longest begin first, and the
/// parts of one collection follow one another. Then the collections that were cut are joined, and
/// at last everything is put into the archive.
#[must_use]
pub fn export_steps(collections: &[CollectionWork], whole_rows: i64) -> Vec<PlannedStep> {
    let total = collections.iter().fold(0_i64, |sum, work| sum.saturating_add(work.rows));
    if total <= whole_rows {
        return vec![over_all(READ, StepKind::ExportWhole, total)];
    }
    let mut steps: Vec<PlannedStep> = collections.iter().flat_map(reading).collect();
    // The sort is stable, and of the parts of one collection none is larger than the one before.
    steps.sort_by_key(|step| std::cmp::Reverse(weight(step)));
    steps.extend(collections.iter().filter(|work| work.parts > 1).map(|work| PlannedStep {
        phase: JOIN,
        kind: StepKind::JoinCollection,
        collection: Some(work.collection.clone()),
        part_no: None,
        rows_planned: work.rows,
    }));
    steps.push(over_all(ASSEMBLE, StepKind::AssembleArchive, 0));
    steps
}

fn over_all(phase: Phase, kind: StepKind, rows_planned: i64) -> PlannedStep {
    PlannedStep { phase, kind, collection: None, part_no: None, rows_planned }
}

/// The steps that read one collection: its rows, whole or in parts, and its media.
fn reading(work: &CollectionWork) -> Vec<PlannedStep> {
    let step = |kind, part_no, rows_planned| PlannedStep {
        phase: READ,
        kind,
        collection: Some(work.collection.clone()),
        part_no,
        rows_planned,
    };
    let mut steps = match i32::try_from(work.parts).unwrap_or(i32::MAX) {
        ..=1 => vec![step(StepKind::ExportCollection, None, work.rows)],
        parts => (0..parts)
            .map(|part| step(StepKind::ExportCollection, Some(part), share(work.rows, part, parts)))
            .collect(),
    };
    steps.extend(work.media.map(|objects| step(StepKind::ExportMedia, None, objects)));
    steps
}

/// The rows of one of `parts` equal parts; the first ones take what does not divide.
fn share(rows: i64, part: i32, parts: i32) -> i64 {
    let (part, parts) = (i64::from(part), i64::from(parts));
    rows / parts + i64::from(part < rows % parts)
}

fn weight(step: &PlannedStep) -> i64 {
    match step.kind {
        StepKind::ExportMedia => step.rows_planned.saturating_mul(ROWS_PER_OBJECT),
        _ => step.rows_planned,
    }
}

#[cfg(test)]
mod tests;
