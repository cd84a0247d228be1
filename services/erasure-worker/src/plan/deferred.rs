//! The run after a hold was released: the rows that it had kept, by the keys that were fixed then.

use std::collections::BTreeMap;

use chassis::{StepError, StepProgress};
use chrono::{DateTime, Utc};
use domain::erasure::document::CollectionPlan;
use domain::erasure::steps::{ErasureWork, RowsWork};
use domain::erasure::{CollectionErasure, Deferred, ErasurePlan, ErasureRequest, RowAction, traversal};
use domain::hold::{HeldRows, HoldScope};
use domain::id::JobId;
use domain::plan::CollectionSize;
use store::{Claimed, Produced};
use uuid::Uuid;

use super::preflight::{self, Checked, refused_by};
use super::survey::Surveyed;
use super::{Decision, buckets, constraints, loose, produced, rehearsal, subject};
use crate::Erasures;
use crate::failure::{broken, control_failed, refused};
use crate::held::{Held, Kept, both};
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
    let earlier = Earlier::find(erasures, step, deferred).await?;
    let noted = note(erasures, progress).await?;
    let checked = preflight::of_deferred(erasures, earlier.cutoff_at, noted).await?;
    let kept_by = KeptBy { erasures, step, checked: &checked };
    let mut surveyed = Surveyed::default();
    let (mut waves, mut work) = (BTreeMap::new(), BTreeMap::<usize, Vec<(RowsWork, StepScope)>>::new());
    let (mut steps, mut tokens, mut media) = (ErasureWork::default(), Vec::new(), Vec::new());
    for kept in earlier.places.iter().filter(|kept| kept.batches.numbered().next().is_some()) {
        let path = &kept.erasure.collection;
        let left = earlier.left_to(&kept_by, kept, deferred.hold).await?;
        if left.is_empty() {
            continue;
        }
        waves.entry(kept.wave).or_insert_with(Vec::new).push(kept.erasure.clone());
        surveyed.collections.push(planned(kept));
        surveyed.sizes.push(CollectionSize { collection: path.clone(), rows: 0 });
        for scope in left {
            surveyed.verify.places.push(scope.clone());
            if objects(erasures, request, &scope, &mut steps, (&mut tokens, &mut media))? {
                buckets::are_known(erasures, step, &scope, checked.cutoff_at).await?;
            }
            let rows = RowsWork { collection: path.clone(), part_no: None, rows: 0 };
            work.entry(scope.wave).or_default().push((rows, scope));
        }
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
    surveyed.verify.loose = loose::references(erasures, &checked, &waves);
    let unproven = constraints::of(erasures, step, (&checked, progress), &surveyed.verify.places).await?;
    let rehearsal = rehearsal::of(erasures, step, &checked, &surveyed.verify.places).await?;
    let (holds, cutoff_at) = (Vec::new(), checked.cutoff_at);
    let decision = Decision { waves: &waves, nobody_found: false, holds, unproven, cutoff_at, rehearsal };
    produced(erasures, step, request, &decision, surveyed)
}

/// The erasure that left the rows, and those that had left them to it.
struct Earlier {
    /// That of the erasure that left the rows: what was made later is a matter for another one. It has waited
    /// for whoever could still make rows of before.
    cutoff_at: DateTime<Utc>,
    /// What it was about.
    places: Vec<StepScope>,
    jobs: Vec<JobId>,
    /// The holds for which they left rows.
    obeyed: Vec<Uuid>,
    /// The collections of which it left rows because of this hold.
    retained: Vec<String>,
    /// The other holds because of which it left rows: those that were placed before this one, and those
    /// that came after it. What several kept was counted for the first, and is erased after its release.
    before: Vec<Uuid>,
    later: Vec<Uuid>,
}

impl Earlier {
    async fn find(erasures: &Erasures, step: &Claimed, deferred: Deferred) -> Result<Self, StepError> {
        let (control, job, failed) = (&erasures.control, JobId(deferred.job), control_failed);
        let verified = verified_by(erasures, step, job).await?.unwrap_or_default();
        let chain =
            control.erasures_back_from(&step.organisation, job).await.map_err(|error| failed(&error))?;
        // A plan of an earlier version had a time of its own, which never changes.
        let cutoff_at = step.cutoff.or_else(|| chain.first().and_then(|earlier| earlier.cutoff));
        let cutoff_at = cutoff_at.ok_or_else(|| broken("the erasure that left the rows has no cutoff"))?;
        let mut jobs: Vec<JobId> = chain.into_iter().map(|earlier| earlier.job).collect();
        let obeyed =
            control.holds_obeyed_by(&step.organisation, &jobs).await.map_err(|error| failed(&error))?;
        if step.pass > 1 {
            jobs.push(step.job_id);
        }
        let retained = control.collections_retained(&step.organisation, job, deferred.hold).await;
        let retained = retained.map_err(|error| failed(&error))?;
        let holds = control.retained_for(&step.organisation, job).await.map_err(|error| failed(&error))?;
        let (before, later) = around(&holds, deferred.hold);
        Ok(Self { cutoff_at, places: verified.places, jobs, obeyed, retained, before, later })
    }

    /// The rows of a place that this hold kept, no hold keeps still, and no other run is for.
    async fn left_to(
        &self,
        kept_by: &KeptBy<'_>,
        kept: &StepScope,
        hold: Uuid,
    ) -> Result<Vec<StepScope>, StepError> {
        let (rows, mut beside) = (kept_by.rows(kept, hold).await?, kept_by.all(kept, &self.before).await?);
        let mut left = Vec::new();
        if let Some(rows) = &rows {
            left.push(self.narrowed(kept_by, kept, (rows.clone(), beside.clone())).await?);
        }
        // What led to rows of a person may be gone, which the application has deleted or changed since. So it
        // is, besides, whatever stands of what the erasure was about and no hold is known to have kept.
        if self.retained.contains(&kept.erasure.collection) && kept_by.follows(hold).await? {
            beside.extend(kept_by.all(kept, &self.later).await?.into_iter().chain(rows));
            left.push(self.narrowed(kept_by, kept, (HeldRows::Where(Vec::new()), beside)).await?);
        }
        Ok(left)
    }

    /// These rows of a place but for those beside them, and none that a hold keeps still.
    async fn narrowed(
        &self,
        &KeptBy { erasures, step, .. }: &KeptBy<'_>,
        kept: &StepScope,
        (rows, beside): (HeldRows, Vec<HeldRows>),
    ) -> Result<StepScope, StepError> {
        let only = kept.only.iter().cloned().chain([rows]).collect();
        let kept = StepScope { only, beside, after: self.jobs.clone(), ..kept.clone() };
        // Those that are released by now keep nothing any more.
        let open: Vec<_> = holds::in_effect(erasures, step).await?.iter().map(|open| open.id).collect();
        let known = kept.known.iter().copied().chain(kept.holds.iter().map(|hold| hold.id)).collect();
        let holds = kept.holds.iter().filter(|hold| open.contains(&hold.id)).cloned().collect();
        let planned = StepScope { holds, known, ..kept };
        let place = erasures.find(&planned.erasure.collection)?;
        let obeyed = Obeyed::new((erasures, step), &planned, place, erasures.schemas().await?);
        let mut obeyed = obeyed.until(self.cutoff_at).after(&self.places, &self.obeyed);
        obeyed.read_at_rest().await?;
        let holds = obeyed.holds().to_vec();
        Ok(StepScope { holds, known: open, ..planned })
    }
}

/// The holds before this one, and those after it.
fn around(holds: &[Uuid], hold: Uuid) -> (Vec<Uuid>, Vec<Uuid>) {
    let (before, rest) = holds.split_at(holds.iter().position(|id| *id == hold).unwrap_or(holds.len()));
    (before.to_vec(), rest.iter().skip(1).copied().collect())
}

/// What holds kept of the places of the earlier job.
struct KeptBy<'a> {
    erasures: &'a Erasures,
    step: &'a Claimed,
    checked: &'a Checked,
}

impl KeptBy<'_> {
    /// Whether a hold is on a person, whose rows are found again for each batch.
    async fn follows(&self, hold: Uuid) -> Result<bool, StepError> {
        let open = holds::obeyed(self.erasures, self.step, hold).await?;
        Ok(open.is_some_and(|open| matches!(open.scope, HoldScope::Subject { .. })))
    }

    /// The rows that these holds kept of a place.
    async fn all(&self, place: &StepScope, holds: &[Uuid]) -> Result<Vec<HeldRows>, StepError> {
        let mut all = Vec::new();
        for hold in holds {
            all.extend(self.rows(place, *hold).await?);
        }
        Ok(all)
    }

    /// The rows that a hold kept of a place: those that were planned, and those of a person that came since.
    async fn rows(&self, place: &StepScope, hold: Uuid) -> Result<Option<HeldRows>, StepError> {
        let planned = place.holds.iter().find(|planned| planned.id == hold).map(|hold| hold.rows.clone());
        let open = holds::obeyed(self.erasures, self.step, hold).await?;
        let follows = |open: &OpenHold| matches!(open.scope, HoldScope::Subject { .. });
        let known = place.knows(hold);
        // One that was placed after planning is not written down in it.
        let Some(open) = open.filter(|open| !known || follows(open)) else { return Ok(planned) };
        let kept = self.kept(&open).await?;
        if known && matches!(kept, Kept::Everything) {
            return Ok(planned);
        }
        let held = Held(vec![(open, kept)]);
        let of = self.erasures.find(&place.erasure.collection)?;
        let found = held.before(self.erasures, of, &place.erasure.action)?.into_iter().next();
        Ok(match (planned, found.map(|hold| hold.rows)) {
            (Some(planned), Some(found)) => Some(both(&planned, found)),
            (planned, found) => planned.or(found),
        })
    }

    /// Whom a hold kept: the rows of that person stand, and are found as ever.
    async fn kept(&self, open: &OpenHold) -> Result<Kept, StepError> {
        let HoldScope::Subject { identity_type } = &open.scope else { return Ok(Kept::AsSaid) };
        let identity = open.identity(identity_type)?;
        if subject::is_about(self.erasures, self.step, identity_type, &identity).await? {
            return Ok(Kept::Everything);
        }
        let Checked { schemas, facts, .. } = self.checked;
        let way = traversal(self.erasures.sources.map(), schemas, facts, identity_type);
        let way = way.map_err(|obstacles| refused_by(&obstacles))?;
        let rows = subject::find(self.erasures, self.step, self.checked, (&way, &identity)).await?;
        Ok(Kept::Person(rows))
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
