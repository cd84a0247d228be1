//! The run after a hold was released: the rows that it had kept, by the keys that were fixed then.

use std::collections::BTreeMap;

use chassis::StepError;
use domain::erasure::document::CollectionPlan;
use domain::erasure::steps::{ErasureWork, RowsWork};
use domain::erasure::{CollectionErasure, Deferred, ErasurePlan, ErasureRequest, RowAction};
use domain::hold::HeldRows;
use domain::id::JobId;
use domain::plan::CollectionSize;
use packages::SealedFor;
use serde::Deserialize;
use serde::de::IgnoredAny;
use store::{Claimed, Produced};

use super::preflight::Checked;
use super::survey::Surveyed;
use super::{Decision, produced, rehearsal};
use crate::Erasures;
use crate::failure::{control_failed, refused};
use crate::holds;
use crate::scope::{StepScope, unsealed};

/// What a step's scope is: that of a verifying step lists all collections, whole.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Verified(Vec<StepScope>),
    Other(IgnoredAny),
}

pub(super) async fn run(
    erasures: &Erasures,
    step: &Claimed,
    request: &ErasureRequest,
    deferred: Deferred,
    checked: &Checked,
) -> Result<Produced, StepError> {
    let verified = verified_by(erasures, step, deferred).await?;
    let mut surveyed = Surveyed::default();
    let (mut waves, mut work) = (BTreeMap::new(), BTreeMap::<usize, Vec<(RowsWork, StepScope)>>::new());
    let (mut steps, mut tokens, mut media) = (ErasureWork::default(), Vec::new(), Vec::new());
    for kept in verified {
        let path = kept.erasure.collection.clone();
        let rows = match kept.holds.iter().find(|hold| hold.id == deferred.hold) {
            Some(hold) => Some(hold.rows.clone()),
            // Placed after planning, which then did not write down what it keeps.
            None => holds::kept_by(erasures, step, (deferred.hold, &path)).await?,
        };
        let Some(rows) = rows else { continue };
        waves.entry(kept.wave).or_insert_with(Vec::new).push(kept.erasure.clone());
        let scope = narrowed(erasures, step, kept, rows).await?;
        surveyed.verify.push(scope.clone());
        surveyed.collections.push(planned(&scope));
        surveyed.sizes.push(CollectionSize { collection: path.clone(), rows: 0 });
        objects(erasures, request, &scope, &mut steps, (&mut tokens, &mut media))?;
        let rows = RowsWork { collection: path, part_no: None, rows: 0 };
        work.entry(scope.wave).or_default().push((rows, scope));
    }
    surveyed.sizes.dedup_by(|one, other| one.collection == other.collection);
    if work.is_empty() {
        let detail =
            "nothing was erased: which rows the hold kept is not known any more; ask for the erasure anew";
        return Err(refused("hold_unknown", detail));
    }
    surveyed.scopes.extend(tokens.into_iter().chain(media));
    for wave in work.into_values() {
        let (rows, scopes): (Vec<_>, Vec<_>) = wave.into_iter().unzip();
        steps.waves.push(rows);
        surveyed.scopes.extend(scopes);
    }
    surveyed.work = steps;
    let waves = ErasurePlan { waves: waves.into_values().collect() };
    let rehearsal = rehearsal::of(erasures, step, checked, &surveyed.verify).await?;
    let (holds, cutoff_at) = (Vec::new(), checked.cutoff_at);
    let decision = Decision { waves: &waves, nobody_found: false, holds, cutoff_at, rehearsal };
    produced(erasures, step, request, &decision, surveyed)
}

/// The tokens and media of rows that were held: they were left with them.
fn objects(
    erasures: &Erasures,
    request: &ErasureRequest,
    rows: &StepScope,
    steps: &mut ErasureWork,
    (tokens, media): (&mut Vec<StepScope>, &mut Vec<StepScope>),
) -> Result<(), StepError> {
    let (_, collection) = erasures.find(&rows.erasure.collection)?;
    if matches!(rows.erasure.action, RowAction::Unlink(_)) {
        return Ok(());
    }
    let erasure = CollectionErasure { guards: Vec::new(), ..rows.erasure.clone() };
    let scope = StepScope { erasure, ..rows.clone() };
    if collection.oauth.is_some() {
        steps.tokens.push((rows.erasure.collection.clone(), 0));
        tokens.push(scope.clone());
    }
    if collection.media.is_some() && request.delete_media {
        erasures.buckets.check()?;
        steps.media.push((rows.erasure.collection.clone(), 0));
        media.push(scope);
    }
    Ok(())
}

/// What the job that left the rows had looked at last: every collection whole.
async fn verified_by(
    erasures: &Erasures,
    step: &Claimed,
    deferred: Deferred,
) -> Result<Vec<StepScope>, StepError> {
    let kept = erasures.control.scopes_of(&step.organisation, JobId(deferred.job)).await;
    let target = SealedFor { organisation: step.organisation.as_str(), job_id: deferred.job };
    let mut verified = Vec::new();
    for (_, sealed) in kept.map_err(|error| control_failed(&error))? {
        match unsealed(&erasures.sealing, target, &sealed)? {
            Kept::Verified(scopes) => verified.extend(scopes),
            Kept::Other(IgnoredAny) => {}
        }
    }
    Ok(verified)
}

/// The same rows, but only those that the hold had kept, and none that another hold keeps still.
async fn narrowed(
    erasures: &Erasures,
    step: &Claimed,
    kept: StepScope,
    rows: HeldRows,
) -> Result<StepScope, StepError> {
    // Those that are released by now keep nothing any more.
    let open: Vec<_> = holds::in_effect(erasures, step).await?.iter().map(|open| open.id).collect();
    let (holds, known) =
        (kept.holds.iter().filter(|hold| open.contains(&hold.id)).cloned().collect(), kept.known.clone());
    let planned = StepScope { holds, known, ..kept };
    let holds = holds::on(erasures, step, &planned).await?;
    Ok(StepScope { holds, known: open, only: Some(rows), ..planned })
}

fn planned(scope: &StepScope) -> CollectionPlan {
    let erasure = &scope.erasure;
    CollectionPlan {
        collection: erasure.collection.clone(),
        store: erasure.store.clone(),
        table: erasure.table.clone(),
        action: erasure.action.name().to_owned(),
        fields: erasure.action.fields(),
        rows: 0,
        retained: Vec::new(),
        shared: 0,
        referred: 0,
    }
}
