//! The erasure that left the rows, and those that had left them to it.

use std::collections::BTreeMap;

use chassis::{StepError, StepProgress};
use chrono::{DateTime, Utc};
use domain::erasure::Deferred;
use domain::hold::HeldRows;
use domain::id::JobId;
use packages::SealedFor;
use store::Claimed;
use uuid::Uuid;

use super::found_again::FoundAgain;
use crate::Erasures;
use crate::batches::Batches;
use crate::failure::{broken, control_failed};
use crate::holds;
use crate::obeyed::Obeyed;
use crate::plan::preflight::Checked;
use crate::scope::{StepScope, unsealed, verified_by};

/// The rows that a hold has kept, by collection.
type Kept = BTreeMap<String, HeldRows>;

pub(super) struct Earlier {
    /// That of the erasure that left the rows: what was made later is a matter for another one. It has waited
    /// for whoever could still make rows of before.
    pub cutoff_at: DateTime<Utc>,
    hold: Uuid,
    /// What it was about.
    places: Vec<StepScope>,
    jobs: Vec<JobId>,
    /// The holds for which they left rows.
    obeyed: Vec<Uuid>,
    /// Which rows it left because of this hold; nothing where earlier code ran it.
    kept: Option<Kept>,
    /// Those that were placed before this one and for which the erasure left rows: what both kept was
    /// counted for the earlier, and is erased after that one's release.
    before: Vec<(Uuid, Option<Kept>)>,
}

impl Earlier {
    pub async fn find(erasures: &Erasures, step: &Claimed, deferred: Deferred) -> Result<Self, StepError> {
        let (control, job, hold) = (&erasures.control, JobId(deferred.job), deferred.hold);
        let verified = verified_by(erasures, step, job).await?.unwrap_or_default();
        let chain = control.erasures_back_from(&step.organisation, job).await;
        let chain = chain.map_err(|error| control_failed(&error))?;
        // A plan of an earlier version had a time of its own, which never changes.
        let cutoff_at = step.cutoff.or_else(|| chain.first().and_then(|earlier| earlier.cutoff));
        let cutoff_at = cutoff_at.ok_or_else(|| broken("the erasure that left the rows has no cutoff"))?;
        let mut jobs: Vec<JobId> = chain.into_iter().map(|earlier| earlier.job).collect();
        let obeyed = control.holds_obeyed_by(&step.organisation, &jobs).await;
        let obeyed = obeyed.map_err(|error| control_failed(&error))?;
        if step.pass > 1 {
            jobs.push(step.job_id);
        }
        let kept = kept(erasures, step, (job, hold)).await?;
        let mut before = Vec::new();
        let earlier = control.retained_before(&step.organisation, job, hold).await;
        for hold in earlier.map_err(|error| control_failed(&error))? {
            before.push((hold, self::kept(erasures, step, (job, hold)).await?));
        }
        Ok(Self { cutoff_at, hold, places: verified.places, jobs, obeyed, kept, before })
    }

    /// The rows that this hold kept, no hold keeps still, and no other run is for, place by place.
    pub async fn left(
        &self,
        (erasures, step): (&Erasures, &Claimed),
        checked: &Checked,
        progress: &StepProgress,
    ) -> Result<Vec<StepScope>, StepError> {
        let again = FoundAgain { erasures, step, checked };
        let mut left = Vec::new();
        for place in self.places.iter().filter(|place| place.batches.numbered().next().is_some()) {
            progress.pulse();
            let rows = match &self.kept {
                Some(kept) => kept.get(&place.erasure.collection).cloned(),
                None => again.rows(place, self.hold).await?,
            };
            let scope = match rows {
                None => continue,
                Some(HeldRows::Keys(keys)) if self.kept.is_some() => {
                    // These were counted for this hold and for no other. A person's rows may be of several places,
                    // each with rows of its own.
                    let keys = place.batches.keep(keys);
                    if keys.is_empty() {
                        continue;
                    }
                    let batches = Batches::Keys(vec![keys]);
                    StepScope { batches, only: Vec::new(), beside: Vec::new(), ..place.clone() }
                }
                Some(rows) => self.by_conditions(&again, place, rows).await?,
            };
            let after = self.jobs.clone();
            left.push(self.narrowed((erasures, step), StepScope { after, ..scope }).await?);
        }
        Ok(left)
    }

    /// Rows that are not known one by one: those for which each hold's condition is true that led to them, but
    /// for those of holds placed before.
    async fn by_conditions(
        &self,
        again: &FoundAgain<'_>,
        place: &StepScope,
        rows: HeldRows,
    ) -> Result<StepScope, StepError> {
        let mut beside = place.beside.clone();
        for (hold, kept) in &self.before {
            beside.extend(match kept {
                Some(kept) => kept.get(&place.erasure.collection).cloned(),
                None => again.rows(place, *hold).await?,
            });
        }
        let only = place.only.iter().cloned().chain([rows]).collect();
        Ok(StepScope { batches: place.batches.whole(), only, beside, ..place.clone() })
    }

    /// The same rows, and none that another hold keeps still.
    async fn narrowed(
        &self,
        (erasures, step): (&Erasures, &Claimed),
        kept: StepScope,
    ) -> Result<StepScope, StepError> {
        // Those that are released by now keep nothing any more.
        let open: Vec<_> = holds::in_effect(erasures, step).await?.iter().map(|open| open.id).collect();
        let known = kept.known.iter().copied().chain(kept.holds.iter().map(|hold| hold.id)).collect();
        let holds = kept.holds.iter().filter(|hold| open.contains(&hold.id)).cloned().collect();
        let planned = StepScope { holds, known, ..kept };
        let place = erasures.find(&planned.erasure.collection)?;
        let obeyed = Obeyed::new((erasures, step), &planned, place, erasures.schemas().await?);
        let mut obeyed = obeyed.after(&self.places, &self.obeyed);
        obeyed.read_at_rest().await?;
        let holds = obeyed.holds().to_vec();
        Ok(StepScope { holds, known: open, ..planned })
    }
}

/// Which rows a job has left because of a hold, if the look at its end has written them down.
async fn kept(
    erasures: &Erasures,
    step: &Claimed,
    (job, hold): (JobId, Uuid),
) -> Result<Option<Kept>, StepError> {
    let sealed = erasures.control.rows_retained(&step.organisation, job, hold).await;
    let target = || SealedFor { organisation: step.organisation.as_str(), job_id: job.0 };
    let mut kept = Kept::new();
    for (collection, sealed) in sealed.map_err(|error| control_failed(&error))? {
        kept.insert(collection, unsealed(&erasures.sealing, target(), &sealed)?);
    }
    Ok((!kept.is_empty()).then_some(kept))
}
