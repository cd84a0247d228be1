//! The legal holds that a job obeys: those in effect when it was planned, and any placed since.

use chassis::StepError;
use domain::hold::{HeldRows, Hold, HoldScope};
use packages::SealedFor;
use serde::Deserialize;
use store::{ActiveHold, Claimed};
use uuid::Uuid;

use crate::Erasures;
use crate::failure::{broken, control_failed};
use crate::scope::unsealed;

/// A hold with the values that were sealed beside it. No `Debug`: they are personal data.
pub(crate) struct OpenHold {
    pub id: Uuid,
    pub ground: String,
    pub scope: HoldScope,
    values: Vec<String>,
    /// Who is held, where the hold is on one person.
    pub identity_value: Option<String>,
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
        Ok(Self { id: record.id, ground: record.ground, scope, values, identity_value })
    }

    /// The rows that it keeps of a collection, unless it is on a person.
    pub fn rows_of(&self, collection: &str) -> Result<Option<HeldRows>, StepError> {
        let rows = self.scope.rows_of(collection, &self.values);
        rows.map_err(|_| broken("a legal hold has not one value for each of its comparisons"))
    }
}

/// The organisation's holds that are in effect now.
pub(crate) async fn in_effect(erasures: &Erasures, step: &Claimed) -> Result<Vec<OpenHold>, StepError> {
    let records = erasures.control.active_holds(&step.organisation).await;
    let records = records.map_err(|error| control_failed(&error))?;
    records.into_iter().map(|record| OpenHold::of(erasures, step.organisation.as_str(), record)).collect()
}

/// The holds on the rows of one collection: those fixed by planning that are still in effect, and those
/// placed since, as far as they say themselves which rows they keep.
pub(crate) async fn on(
    erasures: &Erasures,
    step: &Claimed,
    collection: &str,
    planned: &[Hold],
) -> Result<Vec<Hold>, StepError> {
    let now = in_effect(erasures, step).await?;
    let mut holds: Vec<Hold> =
        planned.iter().filter(|hold| now.iter().any(|open| open.id == hold.id)).cloned().collect();
    for open in &now {
        if holds.iter().all(|hold| hold.id != open.id)
            && let Some(rows) = open.rows_of(collection)?
        {
            holds.push(Hold { id: open.id, rows });
        }
    }
    Ok(holds)
}
