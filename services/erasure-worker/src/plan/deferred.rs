//! The run after a hold was released: the rows that it had kept, by the keys that were fixed then.

use std::collections::BTreeMap;

use chassis::{StepError, StepProgress};
use chrono::{DateTime, Utc};
use domain::erasure::document::CollectionPlan;
use domain::erasure::steps::{ErasureWork, RowsWork};
use domain::erasure::{
    CollectionErasure, Deferred, ErasurePlan, ErasureRequest, Identity, RowAction, traversal,
};
use domain::hold::{HeldRows, HoldScope};
use domain::id::JobId;
use domain::plan::CollectionSize;
use store::{Claimed, Produced};
use uuid::Uuid;

use super::preflight::{self, Checked, refused_by};
use super::survey::Surveyed;
use super::{Decision, buckets, constraints, produced, rehearsal, subject};
use crate::Erasures;
use crate::failure::{broken, control_failed, refused};
use crate::held::{Held, Kept};
use crate::holds::{self, OpenHold};
use crate::obeyed::Obeyed;
use crate::scope::{StepScope, verified_by};
use crate::verify::note;

pub(super) async fn run(
    erasures: &Erasures,
    step: &Claimed,
    request: &ErasureRequest,
    (deferred, progress): (Deferred, &StepProgress),
) -> Result<Produced, StepError> {
    let checked = preflight::of_deferred(erasures, note(erasures, progress).await?).await?;
    let verified = verified_by(erasures, step, JobId(deferred.job)).await?.unwrap_or_default();
    let earlier = earlier(erasures, step, deferred).await?;
    let kept_by = KeptBy { erasures, step, request, checked: &checked };
    let mut surveyed = Surveyed::default();
    let (mut waves, mut work) = (BTreeMap::new(), BTreeMap::<usize, Vec<(RowsWork, StepScope)>>::new());
    let (mut steps, mut tokens, mut media) = (ErasureWork::default(), Vec::new(), Vec::new());
    for kept in verified.places.into_iter().filter(|kept| kept.batches.numbered().next().is_some()) {
        let path = kept.erasure.collection.clone();
        let Some(rows) = kept_by.rows(&kept, deferred.hold).await? else { continue };
        let mut beside = Vec::new();
        for hold in &earlier {
            beside.extend(kept_by.rows(&kept, *hold).await?);
        }
        waves.entry(kept.wave).or_insert_with(Vec::new).push(kept.erasure.clone());
        let kept = StepScope { only: Some(rows), beside, ..kept };
        let scope = narrowed((erasures, step), kept, checked.cutoff_at).await?;
        surveyed.verify.places.push(scope.clone());
        surveyed.collections.push(planned(&scope));
        surveyed.sizes.push(CollectionSize { collection: path.clone(), rows: 0 });
        if objects(erasures, request, &scope, &mut steps, (&mut tokens, &mut media))? {
            buckets::are_known(erasures, step, &scope, checked.cutoff_at).await?;
        }
        let rows = RowsWork { collection: path, part_no: None, rows: 0 };
        work.entry(scope.wave).or_default().push((rows, scope));
    }
    surveyed.sizes.dedup_by(|one, other| one.collection == other.collection);
    if work.is_empty() {
        let detail =
            "nothing was erased: which rows the hold kept is not known any more; ask for the erasure anew";
        return Err(refused("hold_unknown", detail));
    }
    surveyed.verify.noted.clone_from(&checked.noted);
    surveyed.scopes.extend(tokens.into_iter().chain(media));
    for wave in work.into_values() {
        let (rows, scopes): (Vec<_>, Vec<_>) = wave.into_iter().unzip();
        steps.waves.push(rows);
        surveyed.scopes.extend(scopes);
    }
    surveyed.work = steps;
    let waves = ErasurePlan { waves: waves.into_values().collect() };
    let unproven = constraints::of(erasures, step, (&checked, progress), &surveyed.verify.places).await?;
    let rehearsal = rehearsal::of(erasures, step, &checked, &surveyed.verify.places).await?;
    let (holds, cutoff_at) = (Vec::new(), checked.cutoff_at);
    let decision = Decision { waves: &waves, nobody_found: false, holds, unproven, cutoff_at, rehearsal };
    produced(erasures, step, request, &decision, surveyed)
}

/// The holds that were placed before this one and for which the same job left rows: what both kept was
/// counted for the earlier, and is erased after that one's release.
async fn earlier(erasures: &Erasures, step: &Claimed, deferred: Deferred) -> Result<Vec<Uuid>, StepError> {
    let job = JobId(deferred.job);
    let earlier = erasures.control.retained_before(&step.organisation, job, deferred.hold).await;
    earlier.map_err(|error| control_failed(&error))
}

/// What holds kept of the places of the earlier job.
struct KeptBy<'a> {
    erasures: &'a Erasures,
    step: &'a Claimed,
    request: &'a ErasureRequest,
    checked: &'a Checked,
}

impl KeptBy<'_> {
    /// The rows that a hold kept of a place.
    async fn rows(&self, place: &StepScope, hold: Uuid) -> Result<Option<HeldRows>, StepError> {
        if let Some(hold) = place.holds.iter().find(|planned| planned.id == hold) {
            return Ok(Some(hold.rows.clone()));
        }
        if place.known.contains(&hold) {
            return Ok(None);
        }
        // Placed after planning, which then did not write down what it keeps.
        let Some(open) = holds::obeyed(self.erasures, self.step, hold).await? else { return Ok(None) };
        let kept = self.kept(&open).await?;
        let held = Held(vec![(open, kept)]);
        let of = self.erasures.find(&place.erasure.collection)?;
        let rows = held.before(self.erasures, of, &place.erasure.action)?;
        Ok(rows.into_iter().next().map(|hold| hold.rows))
    }

    /// Whom a hold kept: the rows of that person stand, and are found as ever.
    async fn kept(&self, open: &OpenHold) -> Result<Kept, StepError> {
        let HoldScope::Subject { identity_type } = &open.scope else { return Ok(Kept::AsSaid) };
        let value = open.identity_value.as_deref();
        let value = value.ok_or_else(|| broken("a legal hold on a person names nobody"))?;
        let identity = subject::parse(identity_type, value)?;
        if self.is_about(identity_type, &identity)? {
            return Ok(Kept::Everything);
        }
        let Checked { schemas, facts, .. } = self.checked;
        let way = traversal(self.erasures.sources.map(), schemas, facts, identity_type);
        let way = way.map_err(|obstacles| refused_by(&obstacles))?;
        let rows = subject::find(self.erasures, self.step, self.checked, (&way, &identity)).await?;
        Ok(Kept::Person(rows))
    }

    /// Whether the erasure was about the very person: who it was is not kept, but by which tag.
    fn is_about(&self, identity_type: &str, identity: &Identity) -> Result<bool, StepError> {
        let Some(subject) = &self.request.subject else { return Ok(false) };
        let content = format!("{identity_type}\0{}", identity.value());
        let tag = self.erasures.sealing.tag(self.step.organisation.as_str(), content.as_bytes());
        let tag = tag.map_err(|_| broken("the tag of a person cannot be made"))?;
        Ok(tag.iter().map(|byte| format!("{byte:02x}")).collect::<String>() == subject.tag)
    }
}

/// The tokens and media of rows that were held: they were left with them. Whether there are media.
fn objects(
    erasures: &Erasures,
    request: &ErasureRequest,
    rows: &StepScope,
    steps: &mut ErasureWork,
    (tokens, media): (&mut Vec<StepScope>, &mut Vec<StepScope>),
) -> Result<bool, StepError> {
    let (_, collection) = erasures.find(&rows.erasure.collection)?;
    if matches!(rows.erasure.action, RowAction::Unlink(_)) {
        return Ok(false);
    }
    let erasure = CollectionErasure { guards: Vec::new(), ..rows.erasure.clone() };
    let scope = StepScope { erasure, ..rows.clone() };
    if collection.oauth.is_some() {
        steps.tokens.push((rows.erasure.collection.clone(), 0));
        tokens.push(scope.clone());
    }
    let has_media = collection.media.is_some() && request.delete_media;
    if has_media {
        steps.media.push((rows.erasure.collection.clone(), 0));
        media.push(scope);
    }
    Ok(has_media)
}

/// The same rows, and none that another hold keeps still.
async fn narrowed(
    (erasures, step): (&Erasures, &Claimed),
    kept: StepScope,
    cutoff_at: DateTime<Utc>,
) -> Result<StepScope, StepError> {
    // Those that are released by now keep nothing any more.
    let open: Vec<_> = holds::in_effect(erasures, step).await?.iter().map(|open| open.id).collect();
    let holds = kept.holds.iter().filter(|hold| open.contains(&hold.id)).cloned().collect();
    let planned = StepScope { holds, ..kept };
    let place = erasures.find(&planned.erasure.collection)?;
    let obeyed = Obeyed::new((erasures, step), &planned, place, erasures.schemas().await?);
    let mut obeyed = obeyed.until(cutoff_at);
    obeyed.read_at_rest().await?;
    let holds = obeyed.holds().to_vec();
    Ok(StepScope { holds, known: open, ..planned })
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
