//! The first step: check everything, decide everything, fix the rows, and write the other steps down.
//! Nothing is left written in a subject store here; whatever would stop the erasure half-way stops it now.

mod buckets;
mod constraints;
mod deferred;
mod held;
mod loose;
mod pass;
pub(crate) mod preflight;
mod rehearsal;
pub(crate) mod subject;
mod survey;

use chassis::{StepError, StepProgress};
use chrono::{DateTime, Utc};
use connectors::erase::SubjectRows;
use domain::erasure::document::{Decided, Objects, PlanDocument, Rehearsal, Unproven, decided};
use domain::erasure::steps::erasure_steps;
use domain::erasure::{
    ErasurePlan, ErasureRequest, KeptColumns, Unindexed, kept, plan, traversal, unindexed, unreached,
};
use domain::job::JobOutcome;
use sha2::{Digest as _, Sha256};
use store::{Claimed, Plan, Produced};
use uuid::Uuid;

use crate::failure::broken;
use crate::scope::seal;
use crate::verify::{journals_name_writers, note};
use crate::{Erasures, mark, request};

use pass::Before;
use preflight::{Checked, refused_by};
use survey::{Survey, Surveyed};

pub(crate) async fn run(
    erasures: &Erasures,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let request = request(step)?;
    preflight::export_is_delivered(erasures, step, &request).await?;
    match decide_all(erasures, step, &request, progress).await {
        Err(StepError::Permanent(reason)) if mark::is_this_moments(step, &request) => {
            Err(StepError::Permanent(mark::taken_away(erasures, step, reason).await?))
        }
        ended => ended,
    }
}

async fn decide_all(
    erasures: &Erasures,
    step: &Claimed,
    request: &ErasureRequest,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    journals_name_writers(erasures, step).await?;
    if let Some(deferred) = request.deferred {
        return deferred::run(erasures, step, request, (deferred, progress)).await;
    }
    let before = pass::before(erasures, step).await?;
    let mut checked = preflight::run(erasures, step, &before).await?;
    // A plan of an earlier version has noted nothing.
    let noted = before.verified.as_ref().map(|scope| &scope.noted).filter(|noted| !noted.is_empty());
    checked.noted = match noted {
        Some(noted) => noted.clone(),
        None => note(erasures, progress).await?,
    };
    progress.pulse();
    let (planned, rows) = decide(erasures, step, request, (&checked, &before)).await?;
    progress.pulse();
    let holds = held::find(erasures, step, (&checked, &before)).await?;
    let rows = rows.as_ref();
    let survey =
        Survey { erasures, step, checked: &checked, rows, holds: &holds, pass: before.pass, progress };
    let mut surveyed = survey.of(&planned, request).await?;
    let places = &surveyed.verify.places;
    let unproven = constraints::of(erasures, step, (&checked, progress), places).await?;
    progress.pulse();
    let rehearsal = rehearsal::of(erasures, step, &checked, places).await?;
    progress.pulse();
    if let (Some(subject), Some(rows)) = (&request.subject, rows) {
        let person = subject::found(erasures, step, &checked, (subject, &planned, rows)).await?;
        surveyed.verify.person = Some(person);
    }
    surveyed.verify.loose = loose::references(erasures, &checked, &planned);
    surveyed.verify.noted.clone_from(&checked.noted);
    let nobody_found = rows.is_some_and(SubjectRows::is_empty);
    let nobody_ever = nobody_found && !before.found_somebody();
    let (holds, cutoff_at, unindexed) = (holds.ids(), checked.cutoff_at, unfound(&checked, &planned));
    let decision =
        Decision { waves: &planned, nobody_found, holds, unproven, unindexed, cutoff_at, rehearsal };
    surveyed.verify.unreached = not_looked_for(erasures, request, &checked);
    let produced = produced(erasures, step, request, &decision, surveyed)?;
    Ok(Produced { outcome: nobody_ever.then_some(JobOutcome::NobodyFound), ..produced })
}

/// What happens to which rows: of the whole organisation, or of one person, who is found now.
async fn decide(
    erasures: &Erasures,
    step: &Claimed,
    request: &ErasureRequest,
    (checked, before): (&Checked, &Before),
) -> Result<(ErasurePlan, Option<SubjectRows>), StepError> {
    match &request.subject {
        None => {
            let planned = plan(erasures.sources.map(), &checked.schemas, &checked.facts);
            Ok((planned.map_err(|obstacles| refused_by(&obstacles))?, None))
        }
        Some(subject) => {
            let identity = subject::identity_of_job(erasures, step, &subject.identity_type).await?;
            let (planned, rows) =
                subject::decide(erasures, step, (checked, before), (&subject.identity_type, &identity))
                    .await?;
            Ok((planned, Some(rows)))
        }
    }
}

/// References to rows that are deleted of which no index finds what refers.
fn unfound(checked: &Checked, planned: &ErasurePlan) -> Vec<Unindexed> {
    let erasures = planned.waves.iter().flatten();
    let known = erasures.filter_map(|erasure| Some((erasure, checked.schemas.get(&erasure.store)?)));
    known.flat_map(|(erasure, schema)| unindexed(erasure, schema)).collect()
}

/// Personal data to which nothing leads from the person whom the job is about.
fn not_looked_for(erasures: &Erasures, request: &ErasureRequest, checked: &Checked) -> Vec<KeptColumns> {
    let Some(subject) = &request.subject else { return Vec::new() };
    let map = erasures.sources.map();
    let way = traversal(map, &checked.schemas, &checked.facts, &subject.identity_type);
    // What stands in a way was told when the rows were looked for.
    way.map(|way| unreached(map, &way)).unwrap_or_default()
}

/// What was decided, beside the rows.
struct Decision<'a> {
    waves: &'a ErasurePlan,
    nobody_found: bool,
    holds: Vec<Uuid>,
    unproven: Vec<Unproven>,
    unindexed: Vec<Unindexed>,
    cutoff_at: DateTime<Utc>,
    /// What was tried of it.
    rehearsal: Rehearsal,
}

/// Puts the plan together: what people see, and what the steps get to know.
fn produced(
    erasures: &Erasures,
    step: &Claimed,
    request: &ErasureRequest,
    decision: &Decision<'_>,
    surveyed: Surveyed,
) -> Result<Produced, StepError> {
    let Surveyed { work, scopes, mut verify, collections, sizes } = surveyed;
    if !decision.nobody_found {
        verify.kept = kept(erasures.sources.map());
    }
    let objects = |counts: &[(String, i64)]| -> Vec<Objects> {
        let one =
            |(collection, count): &(String, i64)| Objects { collection: collection.clone(), count: *count };
        counts.iter().map(one).collect()
    };
    let identity_type = request.subject.as_ref().map(|subject| subject.identity_type.clone());
    let whose = match &request.subject {
        Some(subject) => format!("{} {}", subject.identity_type, subject.tag),
        None => "organisation".to_owned(),
    };
    let media = objects(&work.media);
    let tokens = objects(&work.tokens);
    let hash = Sha256::digest(decided(&Decided {
        organisation: &step.organisation,
        whose: &whose,
        map: erasures.sources.map(),
        waves: &decision.waves.waves,
        tokens: &tokens,
        media: &media,
        collections: &collections,
        holds: &decision.holds,
    }));
    let document = PlanDocument {
        identity_type,
        nobody_found: decision.nobody_found,
        tokens,
        media,
        collections,
        kept: verify.kept.clone(),
        unreached: verify.unreached.clone(),
        unproven: decision.unproven.clone(),
        unindexed: decision.unindexed.clone(),
        plan_hash: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        rehearsal: Some(decision.rehearsal.clone()),
    };
    let result = serde_json::to_value(&document).map_err(|_| broken("the plan cannot be written down"))?;
    let mut plan = Plan { cutoff: decision.cutoff_at, steps: Vec::new(), sizes, scopes: Vec::new() };
    if !request.dry_run {
        plan.steps = erasure_steps(&work);
        for (place, scope) in scopes.iter().enumerate() {
            plan.scopes.push((place, seal(&erasures.sealing, step, scope)?));
        }
        let last = plan.steps.len().saturating_sub(1);
        plan.scopes.push((last, seal(&erasures.sealing, step, &verify)?));
    }
    Ok(Produced { plan: Some(plan), result: Some(result), ..Produced::default() })
}
