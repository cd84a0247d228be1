//! The holds in effect at planning, with the rows of the persons that they are on.

use chassis::StepError;
use domain::erasure::traversal;
use domain::hold::HoldScope;
use store::Claimed;

use super::pass::Before;
use super::preflight::{Checked, refused_by};
use super::subject;
use crate::Erasures;
use crate::held::{Held, Kept};
use crate::holds::{OpenHold, in_effect};
use crate::scope::StepScope;
use crate::usable;
use crate::way::{cut, cuts};

/// Finds the holds, and the rows of whom they are on.
pub(super) async fn find(
    erasures: &Erasures,
    step: &Claimed,
    (checked, before): (&Checked, &Before),
) -> Result<Held, StepError> {
    let mut held = Held::default();
    for open in in_effect(erasures, step).await? {
        usable::must_be(erasures, &open, &checked.schemas).await?;
        let kept = match &open.scope {
            HoldScope::Subject { identity_type } => {
                kept(erasures, step, (checked, before), (&open, identity_type)).await?
            }
            HoldScope::Organisation {} | HoldScope::Collection { .. } | HoldScope::Rows { .. } => {
                Kept::AsSaid
            }
        };
        held.0.push((open, kept));
    }
    Ok(held)
}

/// What a hold on a person keeps. In a further pass what is erased by now may have led to the rows of that
/// person: a hold that came since then keeps the job waiting, and one on the very person keeps everything.
async fn kept(
    erasures: &Erasures,
    step: &Claimed,
    (checked, before): (&Checked, &Before),
    (open, identity_type): (&OpenHold, &str),
) -> Result<Kept, StepError> {
    let identity = open.identity(identity_type)?;
    let Checked { schemas, facts, .. } = checked;
    let way = traversal(erasures.sources.map(), schemas, facts, identity_type);
    let way = way.map_err(|obstacles| refused_by(&obstacles))?;
    let places: &[StepScope] = match &before.verified {
        Some(scope) => &scope.places,
        None => &[],
    };
    if !places.is_empty() {
        if subject::is_about(erasures, step, identity_type, &identity).await? {
            return Ok(Kept::Everything);
        }
        if cuts(places, &way) && !places.iter().any(|place| place.knows(open.id)) {
            return Err(cut(open));
        }
    }
    Ok(Kept::Person(subject::find(erasures, step, checked, (&way, &identity)).await?))
}
