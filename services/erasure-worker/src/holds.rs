//! The legal holds that a job obeys: those in effect when it was planned, and any placed since.

use chassis::StepError;
use domain::hold::{HeldRows, Hold, HoldScope};
use packages::SealedFor;
use serde::Deserialize;
use store::{ActiveHold, Claimed};
use uuid::Uuid;

use crate::Erasures;
use crate::failure::{broken, control_failed, refused};
use crate::scope::{StepScope, unsealed};
use crate::usable;

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

/// The holds that a job obeys on the rows of one collection: those fixed by planning, released meanwhile or
/// not, since whoever looks at the end must look for the same rows; and those placed since. What a released
/// one kept is asked for when the job ends.
pub(crate) async fn on(
    erasures: &Erasures,
    step: &Claimed,
    scope: &StepScope,
) -> Result<Vec<Hold>, StepError> {
    let now = in_effect(erasures, step).await?;
    let mut holds = scope.holds.clone();
    for open in now.iter().filter(|open| !scope.known.contains(&open.id)) {
        if let Some(rows) = open.rows_of(&scope.erasure.collection)? {
            usable::must_be(erasures, open, &erasures.schemas().await?).await?;
            holds.push(Hold { id: open.id, rows });
        }
    }
    Ok(holds)
}

/// As [`on`], for who is about to erase. Whom a hold is on that was placed after planning, nobody can find
/// any more once part of the erasure is done: so nothing more is erased.
pub(crate) async fn before_erasing(
    erasures: &Erasures,
    step: &Claimed,
    scope: &StepScope,
) -> Result<Vec<Hold>, StepError> {
    let now = in_effect(erasures, step).await?;
    let late =
        |open: &&OpenHold| matches!(open.scope, HoldScope::Subject { .. }) && !scope.known.contains(&open.id);
    if let Some(open) = now.iter().find(late) {
        let detail = format!(
            "the legal hold {} on a person was placed after this erasure had been planned; nothing more is erased; ask \
             for the erasure anew, and it will leave that person's rows, or try this one again once the hold is released",
            open.id
        );
        return Err(refused("hold_placed_late", detail));
    }
    on(erasures, step, scope).await
}

/// The rows of a collection that a hold kept, which may be released.
pub(crate) async fn kept_by(
    erasures: &Erasures,
    step: &Claimed,
    (hold, collection): (Uuid, &str),
) -> Result<Option<HeldRows>, StepError> {
    let record = erasures.control.obeyed_hold(&step.organisation, hold).await;
    let Some(record) = record.map_err(|error| control_failed(&error))? else {
        return Ok(None);
    };
    OpenHold::of(erasures, step.organisation.as_str(), record)?.rows_of(collection)
}
