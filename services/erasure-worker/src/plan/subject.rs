//! One person: who it is, and which rows are this person's.

use chassis::StepError;
use connectors::erase::{SubjectRead, SubjectRows};
use domain::erasure::{ErasurePlan, Identity, Traversal, plan_subject};
use packages::SealedFor;
use serde::Deserialize;
use store::Claimed;

use super::preflight::{Checked, refused_by};
use crate::Erasures;
use crate::failure::{broken, control_failed, plan_failed, refused, store_failed};
use crate::scope::unsealed;

/// What the API seals for a job that is about one person.
#[derive(Deserialize)]
struct Sealed {
    identity_value: String,
}

/// The identity that the job's request came with.
pub(super) async fn identity_of_job(
    erasures: &Erasures,
    step: &Claimed,
    identity_type: &str,
) -> Result<Identity, StepError> {
    let sealed = erasures.control.job_secret(step.job_id).await.map_err(|error| control_failed(&error))?;
    let sealed = sealed.ok_or_else(|| {
        refused("identity_gone", "whom the request was about is no longer kept; ask for the erasure anew")
    })?;
    let target = SealedFor { organisation: step.organisation.as_str(), job_id: step.job_id.0 };
    let Sealed { identity_value } = unsealed(&erasures.sealing, target, &sealed)?;
    parse(identity_type, &identity_value)
}

/// An identity of a type; its value is not repeated in the error.
pub(super) fn parse(identity_type: &str, value: &str) -> Result<Identity, StepError> {
    Identity::parse(identity_type, value).map_err(|error| refused("identity_unusable", error.to_string()))
}

/// What happens to the person's rows, and which they are.
pub(super) async fn decide(
    erasures: &Erasures,
    step: &Claimed,
    checked: &Checked,
    (identity_type, identity): (&str, &Identity),
) -> Result<(ErasurePlan, SubjectRows), StepError> {
    let planned = plan_subject(erasures.sources.map(), &checked.schemas, &checked.facts, identity_type)
        .map_err(|obstacles| refused_by(&obstacles))?;
    let rows = find(erasures, step, checked, (&planned.traversal, identity)).await?;
    Ok((planned.plan, rows))
}

/// Finds a person's rows in every store.
pub(super) async fn find(
    erasures: &Erasures,
    step: &Claimed,
    checked: &Checked,
    (traversal, identity): (&Traversal, &Identity),
) -> Result<SubjectRows, StepError> {
    let map = erasures.sources.map();
    let mut rows = SubjectRows::default();
    for (name, store) in erasures.sources.stores() {
        let schema = checked.schemas.get(name).ok_or_else(|| broken("a store has no schema"))?;
        let read = SubjectRead::plan(traversal, map, (name, schema), &step.organisation, checked.cutoff_at);
        let read = read.map_err(|error| plan_failed(&error))?;
        let failed = |error| store_failed(&error);
        let transaction = store.begin_read().await.map_err(failed)?;
        rows = rows.and(transaction.resolve(&read, identity).await.map_err(failed)?);
        transaction.finish().await.map_err(failed)?;
    }
    Ok(rows)
}
