//! The run after a hold was released: the rows that it had kept, by the keys that were fixed then.

use std::collections::BTreeMap;

use chassis::StepError;
use chrono::{DateTime, Utc};
use domain::erasure::document::CollectionPlan;
use domain::erasure::steps::{ErasureWork, RowsWork};
use domain::erasure::{Deferred, ErasurePlan, ErasureRequest};
use domain::hold::HeldRows;
use domain::id::JobId;
use domain::plan::CollectionSize;
use packages::SealedFor;
use serde::Deserialize;
use serde::de::IgnoredAny;
use store::{Claimed, Produced};

use super::survey::Surveyed;
use super::{Decision, produced};
use crate::Erasures;
use crate::failure::control_failed;
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
    cutoff_at: DateTime<Utc>,
) -> Result<Produced, StepError> {
    let verified = verified_by(erasures, step, deferred).await?;
    let mut surveyed = Surveyed::default();
    let (mut waves, mut work) = (BTreeMap::new(), BTreeMap::<usize, Vec<(RowsWork, StepScope)>>::new());
    for kept in verified {
        let Some(rows) =
            kept.holds.iter().find(|hold| hold.id == deferred.hold).map(|hold| hold.rows.clone())
        else {
            continue;
        };
        let path = kept.erasure.collection.clone();
        waves.entry(kept.wave).or_insert_with(Vec::new).push(kept.erasure.clone());
        let scope = narrowed(erasures, step, kept, rows).await?;
        surveyed.verify.push(scope.clone());
        surveyed.collections.push(planned(&scope));
        surveyed.sizes.push(CollectionSize { collection: path.clone(), rows: 0 });
        let rows = RowsWork { collection: path, part_no: None, rows: 0 };
        work.entry(scope.wave).or_default().push((rows, scope));
    }
    surveyed.sizes.dedup_by(|one, other| one.collection == other.collection);
    let mut steps = ErasureWork::default();
    for wave in work.into_values() {
        let (rows, scopes): (Vec<_>, Vec<_>) = wave.into_iter().unzip();
        steps.waves.push(rows);
        surveyed.scopes.extend(scopes);
    }
    surveyed.work = steps;
    let waves = ErasurePlan { waves: waves.into_values().collect() };
    let decision = Decision { waves: &waves, nobody_found: false, holds: Vec::new(), cutoff_at };
    produced(erasures, step, request, &decision, surveyed)
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
    let holds = holds::on(erasures, step, &kept.erasure.collection, &kept.holds).await?;
    Ok(StepScope { holds, only: Some(rows), ..kept })
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
