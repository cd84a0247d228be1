//! The legal holds of an organisation, opened: with the values that they are found by.

use chassis::StepError;
use domain::erasure::Identity;
use domain::hold::{HeldRows, HoldScope};
use domain::job::StepKind;
use packages::SealedFor;
use serde::Deserialize;
use store::{ActiveHold, Claimed};
use uuid::Uuid;

use crate::Erasures;
use crate::failure::{broken, control_failed};
use crate::plan::subject;
use crate::scope::unsealed;

/// A hold with the values that were sealed beside it. No `Debug`: they are personal data.
#[derive(Clone)]
pub(crate) struct OpenHold {
    pub id: Uuid,
    pub ground: String,
    pub scope: HoldScope,
    /// Whether it was released meanwhile.
    pub released: bool,
    values: Vec<String>,
    /// Who is held, where the hold is on one person.
    identity_value: Option<String>,
}

/// What the API seals beside a hold.
#[derive(Deserialize)]
struct Sealed {
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    identity_value: Option<String>,
}

impl OpenHold {
    fn of(erasures: &Erasures, organisation: &str, record: ActiveHold) -> Result<Self, StepError> {
        let scope = serde_json::from_value(record.scope)
            .map_err(|_| broken("a legal hold cannot be read by this version of the erasure-worker"))?;
        let target = SealedFor { organisation, job_id: record.id };
        let sealed = record.sealed.map(|sealed| unsealed::<Sealed>(&erasures.sealing, target, &sealed));
        let Sealed { values, identity_value } =
            sealed.transpose()?.unwrap_or(Sealed { values: Vec::new(), identity_value: None });
        let released = record.released_at.is_some();
        Ok(Self { id: record.id, ground: record.ground, scope, released, values, identity_value })
    }

    /// Who is held, where the hold is on one person.
    pub fn identity(&self, identity_type: &str) -> Result<Identity, StepError> {
        let value = self.identity_value.as_deref();
        subject::parse(identity_type, value.ok_or_else(|| broken("a legal hold on a person names nobody"))?)
    }

    /// The rows that it keeps of a collection, unless it is on a person.
    pub fn rows_of(&self, collection: &str) -> Result<Option<HeldRows>, StepError> {
        let rows = self.scope.rows_of(collection, &self.values);
        rows.map_err(|_| broken("a legal hold has not one value for each of its comparisons"))
    }
}

/// The organisation's holds that are in effect now, in the order in which they were placed. Who looks at the
/// end obeys those too that were released after planning: steps may have obeyed them, and what they have left
/// is asked for when the job ends.
pub(crate) async fn in_effect(erasures: &Erasures, step: &Claimed) -> Result<Vec<OpenHold>, StepError> {
    let records = match step.kind {
        StepKind::VerifyErasure => erasures.control.holds_met(&step.organisation, step.job_id).await,
        _ => erasures.control.active_holds(&step.organisation).await,
    };
    let records = records.map_err(|error| control_failed(&error))?;
    records.into_iter().map(|record| OpenHold::of(erasures, step.organisation.as_str(), record)).collect()
}

/// Their ids: what is asked before each batch.
pub(crate) async fn ids_in_effect(erasures: &Erasures, step: &Claimed) -> Result<Vec<Uuid>, StepError> {
    let ids = match step.kind {
        StepKind::VerifyErasure => erasures.control.hold_ids_met(&step.organisation, step.job_id).await,
        _ => erasures.control.active_hold_ids(&step.organisation).await,
    };
    ids.map_err(|error| control_failed(&error))
}

/// A hold that a job obeyed, which may be released.
pub(crate) async fn obeyed(
    erasures: &Erasures,
    step: &Claimed,
    hold: Uuid,
) -> Result<Option<OpenHold>, StepError> {
    let record = erasures.control.obeyed_hold(&step.organisation, hold).await;
    let record = record.map_err(|error| control_failed(&error))?;
    record.map(|record| OpenHold::of(erasures, step.organisation.as_str(), record)).transpose()
}
