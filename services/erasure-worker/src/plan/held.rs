//! The holds in effect at planning, with the rows of the persons that they are on.

use chassis::StepError;
use connectors::erase::SubjectRows;
use domain::erasure::{Guard, traversal};
use domain::hold::{HeldRows, Hold, HoldScope};
use store::Claimed;
use uuid::Uuid;

use super::preflight::{Checked, refused_by};
use super::subject;
use crate::Erasures;
use crate::failure::broken;
use crate::holds::{OpenHold, in_effect};

/// The holds that a plan obeys.
pub(super) struct Held(Vec<(OpenHold, Option<SubjectRows>)>);

/// Finds the holds, and the rows of whom they are on.
pub(super) async fn find(erasures: &Erasures, step: &Claimed, checked: &Checked) -> Result<Held, StepError> {
    let mut held = Vec::new();
    for open in in_effect(erasures, step).await? {
        let rows = match &open.scope {
            HoldScope::Subject { identity_type } => {
                let value = open.identity_value.as_deref();
                let value = value.ok_or_else(|| broken("a legal hold on a person names nobody"))?;
                let identity = subject::parse(identity_type, value)?;
                let way = traversal(erasures.sources.map(), &checked.schemas, &checked.facts, identity_type)
                    .map_err(|obstacles| refused_by(&obstacles))?;
                Some(subject::find(erasures, step, checked, (&way, &identity)).await?)
            }
            _ => None,
        };
        held.push((open, rows));
    }
    Ok(Held(held))
}

impl Held {
    pub fn ids(&self) -> Vec<Uuid> {
        self.0.iter().map(|(open, _)| open.id).collect()
    }

    /// The ground of a hold, by name.
    pub fn ground(&self, hold: Uuid) -> &str {
        self.0.iter().find(|(open, _)| open.id == hold).map_or("", |(open, _)| &open.ground)
    }

    /// Held rows keep what they refer to, also where those beside them that stay by plan do not.
    pub fn count_in(&self, guards: &mut [Guard]) -> Result<(), StepError> {
        for aside in guards.iter_mut().filter_map(|guard| guard.aside.as_mut()) {
            aside.held = self.on(&aside.collection)?.into_iter().map(|hold| hold.rows).collect();
        }
        Ok(())
    }

    /// The holds on rows of one collection.
    pub fn on(&self, collection: &str) -> Result<Vec<Hold>, StepError> {
        let mut holds = Vec::new();
        for (open, rows) in &self.0 {
            let kept = match rows {
                Some(rows) => rows.own.get(collection).cloned().map(HeldRows::Keys),
                None => open.rows_of(collection)?,
            };
            holds.extend(kept.map(|rows| Hold { id: open.id, rows }));
        }
        Ok(holds)
    }
}
