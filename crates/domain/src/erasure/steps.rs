//! The steps of an erasure: tokens, media, rows wave by wave, and a look at the result.

use crate::job::{Phase, StepKind};
use crate::plan::PlannedStep;

/// Where the first steps stand; the waves of rows follow. Phases may be left out.
const TOKENS: Phase = Phase(1);
const MEDIA: Phase = Phase(2);
const FIRST_WAVE: i32 = 3;

/// One step over rows of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsWork {
    /// The collection as `dataset.collection`.
    pub collection: String,
    /// Which of the steps over the collection's rows in this wave, from 0 on; `None` for the only one.
    pub part_no: Option<i32>,
    /// For how many rows it is planned.
    pub rows: i64,
}

/// What there is to do besides looking at the result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErasureWork {
    /// Collections with tokens, and how many.
    pub tokens: Vec<(String, i64)>,
    /// Collections with media objects to be deleted, and how many.
    pub media: Vec<(String, i64)>,
    /// The waves of rows; the organisations' own table is the last.
    pub waves: Vec<Vec<RowsWork>>,
}

/// The steps. Tokens are revoked while their rows still have them, and media deleted while rows still
/// name them; nothing is verified before everything is done.
#[must_use]
pub fn erasure_steps(work: &ErasureWork) -> Vec<PlannedStep> {
    let step = |phase, kind, collection: &str, part_no, rows_planned| PlannedStep {
        phase,
        kind,
        collection: Some(collection.to_owned()),
        part_no,
        rows_planned,
    };
    let whole =
        |phase, kind| move |(collection, count): &(String, i64)| step(phase, kind, collection, None, *count);
    let mut steps: Vec<PlannedStep> = work.tokens.iter().map(whole(TOKENS, StepKind::RevokeTokens)).collect();
    steps.extend(work.media.iter().map(whole(MEDIA, StepKind::DeleteMedia)));
    let mut phase = Phase(FIRST_WAVE);
    for wave in &work.waves {
        steps.extend(
            wave.iter()
                .map(|rows| step(phase, StepKind::EraseRows, &rows.collection, rows.part_no, rows.rows)),
        );
        phase = Phase(phase.0.saturating_add(1));
    }
    let kind = StepKind::VerifyErasure;
    steps.push(PlannedStep { phase, kind, collection: None, part_no: None, rows_planned: 0 });
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_before_media_media_before_rows_and_verification_comes_last() {
        let rows =
            |collection: &str, part_no, rows| RowsWork { collection: collection.to_owned(), part_no, rows };
        let work = ErasureWork {
            tokens: vec![("a.tokens".to_owned(), 2)],
            media: vec![("a.photos".to_owned(), 5)],
            waves: vec![
                vec![
                    rows("a.messages", Some(0), 10),
                    rows("a.messages", Some(1), 10),
                    rows("a.tokens", None, 2),
                ],
                vec![rows("a.organisations", None, 1)],
            ],
        };
        let steps = erasure_steps(&work);
        let told: Vec<_> = steps.iter().map(|step| (step.phase.0, step.kind, step.part_no)).collect();
        assert_eq!(
            told,
            [
                (1, StepKind::RevokeTokens, None),
                (2, StepKind::DeleteMedia, None),
                (3, StepKind::EraseRows, Some(0)),
                (3, StepKind::EraseRows, Some(1)),
                (3, StepKind::EraseRows, None),
                (4, StepKind::EraseRows, None),
                (5, StepKind::VerifyErasure, None),
            ]
        );
    }

    #[test]
    fn where_there_is_nothing_to_erase_that_is_still_looked_at() {
        let steps = erasure_steps(&ErasureWork::default());
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0].kind, StepKind::VerifyErasure);
    }
}
