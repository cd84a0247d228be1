//! The holds in effect at planning, with the rows of the persons that they are on.

use chassis::StepError;
use domain::erasure::traversal;
use domain::hold::HoldScope;
use store::Claimed;

use super::preflight::{Checked, refused_by};
use super::subject;
use crate::Erasures;
use crate::failure::broken;
use crate::held::{Held, Kept};
use crate::holds::in_effect;
use crate::usable;

/// Finds the holds, and the rows of whom they are on.
pub(super) async fn find(erasures: &Erasures, step: &Claimed, checked: &Checked) -> Result<Held, StepError> {
    let mut held = Held::default();
    for open in in_effect(erasures, step).await? {
        usable::must_be(erasures, &open, &checked.schemas).await?;
        let kept = match &open.scope {
            HoldScope::Subject { identity_type } => {
                let value = open.identity_value.as_deref();
                let value = value.ok_or_else(|| broken("a legal hold on a person names nobody"))?;
                let identity = subject::parse(identity_type, value)?;
                let way = traversal(erasures.sources.map(), &checked.schemas, &checked.facts, identity_type)
                    .map_err(|obstacles| refused_by(&obstacles))?;
                Kept::Person(subject::find(erasures, step, checked, (&way, &identity)).await?)
            }
            HoldScope::Organisation {} | HoldScope::Collection { .. } | HoldScope::Rows { .. } => {
                Kept::AsSaid
            }
        };
        held.0.push((open, kept));
    }
    Ok(held)
}
