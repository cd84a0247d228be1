//! What earlier erasures have done to the rows that they left to a run after a hold's release: it is not
//! done again, and not counted again.

use chassis::StepError;
use connectors::erase::{DoneBy, Expected, PseudonymKey, Writers};
use domain::erasure::RowAction;
use store::Claimed;

use crate::Erasures;
use crate::scope::StepScope;
use crate::verify::writers_of;

/// What was done before to the rows of one collection.
#[derive(Default)]
pub(crate) struct DoneBefore(Option<(Writers, PseudonymKey)>);

/// Of rows that no earlier erasure has left.
pub(crate) static NOTHING: DoneBefore = DoneBefore(None);

impl DoneBefore {
    pub async fn find(erasures: &Erasures, step: &Claimed, scope: &StepScope) -> Result<Self, StepError> {
        if scope.after.is_empty() {
            return Ok(Self::default());
        }
        let mut writers = Writers { ids: Vec::new(), complete: true };
        for job in &scope.after {
            let Writers { ids, complete } = writers_of(erasures, *job, &scope.erasure.store).await?;
            writers.ids.extend(ids);
            writers.complete &= complete;
        }
        let raw = erasures.pseudonym_key(&step.organisation)?;
        Ok(Self(Some((writers, PseudonymKey::new(&raw)))))
    }

    /// As far as it can be seen by the rows: one that is deleted is gone.
    pub fn to<'a>(&'a self, action: &'a RowAction) -> Option<DoneBy<'a>> {
        let (writers, key) = self.0.as_ref()?;
        let expected = match action {
            RowAction::Delete => return None,
            RowAction::Anonymise(changes) => Expected::Anonymised { changes, key },
            RowAction::Unlink(columns) => Expected::Unlinked(columns),
        };
        Some(DoneBy { expected, writers })
    }
}
