//! The run after a hold was released: the rows that it had kept, as the look at the end of the erasure found
//! them.

mod earlier;
mod found_again;

use chassis::{StepError, StepProgress};
use domain::erasure::{Deferred, ErasurePlan, ErasureRequest};
use store::{Claimed, Produced};

use super::survey::Survey;
use super::{Decision, constraints, loose, not_looked_for, preflight, produced, rehearsal, unfound};
use crate::Erasures;
use crate::failure::refused;
use crate::held::{Held, Kept};
use crate::holds;
use crate::scope::StepScope;
use crate::verify::note;
use earlier::Earlier;

pub(super) async fn run(
    erasures: &Erasures,
    step: &Claimed,
    request: &ErasureRequest,
    (deferred, progress): (Deferred, &StepProgress),
) -> Result<Produced, StepError> {
    let earlier = Earlier::find(erasures, step, deferred).await?;
    let noted = note(erasures, progress).await?;
    let checked = preflight::of_deferred(erasures, earlier.cutoff_at, noted).await?;
    let left = earlier.left((erasures, step), &checked, progress).await?;
    if left.is_empty() {
        let detail =
            "nothing was erased: which rows the hold kept is not known any more; ask for the erasure anew";
        return Err(refused("hold_unknown", detail));
    }
    let waves = waves_of(&left);
    let open = holds::in_effect(erasures, step).await?;
    let holds = Held(open.into_iter().map(|open| (open, Kept::AsSaid)).collect());
    let (rows, pass) = (None, 1);
    let survey = Survey { erasures, step, checked: &checked, rows, holds: &holds, pass, progress };
    let mut surveyed = survey.of_left(left, request).await?;
    surveyed.verify.noted.clone_from(&checked.noted);
    surveyed.verify.loose = loose::references(erasures, &checked, &waves);
    surveyed.verify.unreached = not_looked_for(erasures, request, &checked);
    let unproven = constraints::of(erasures, step, (&checked, progress), &surveyed.verify.places).await?;
    let rehearsal = rehearsal::of(erasures, step, &checked, &surveyed.verify.places).await?;
    let (holds, cutoff_at, unindexed) = (Vec::new(), checked.cutoff_at, unfound(&checked, &waves));
    let nobody_found = false;
    let decision = Decision { waves: &waves, nobody_found, holds, unproven, unindexed, cutoff_at, rehearsal };
    produced(erasures, step, request, &decision, surveyed)
}

/// What is done, in its order.
fn waves_of(left: &[StepScope]) -> ErasurePlan {
    let mut waves: Vec<(usize, Vec<_>)> = Vec::new();
    for scope in left {
        match waves.iter_mut().find(|(wave, _)| *wave == scope.wave) {
            Some((_, erasures)) => erasures.push(scope.erasure.clone()),
            None => waves.push((scope.wave, vec![scope.erasure.clone()])),
        }
    }
    waves.sort_by_key(|(wave, _)| *wave);
    ErasurePlan { waves: waves.into_iter().map(|(_, erasures)| erasures).collect() }
}
