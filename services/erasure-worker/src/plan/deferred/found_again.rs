//! What holds kept of the places of a job of earlier code, which has not written it down: found again by what
//! the holds say.

use chassis::StepError;
use domain::erasure::traversal;
use domain::hold::{HeldRows, HoldScope};
use store::Claimed;
use uuid::Uuid;

use crate::Erasures;
use crate::held::{Held, Kept, both};
use crate::holds::{self, OpenHold};
use crate::plan::preflight::{Checked, refused_by};
use crate::plan::subject;
use crate::scope::StepScope;

pub(super) struct FoundAgain<'a> {
    pub erasures: &'a Erasures,
    pub step: &'a Claimed,
    pub checked: &'a Checked,
}

impl FoundAgain<'_> {
    /// The rows that a hold kept of a place: those that were planned, and those of a person that came since.
    pub async fn rows(&self, place: &StepScope, hold: Uuid) -> Result<Option<HeldRows>, StepError> {
        let planned = place.holds.iter().find(|planned| planned.id == hold).map(|hold| hold.rows.clone());
        let open = holds::obeyed(self.erasures, self.step, hold).await?;
        let follows = |open: &OpenHold| matches!(open.scope, HoldScope::Subject { .. });
        let known = place.knows(hold);
        // One that was placed after planning is not written down in it.
        let Some(open) = open.filter(|open| !known || follows(open)) else { return Ok(planned) };
        let kept = self.kept(&open).await?;
        if known && matches!(kept, Kept::Everything) {
            return Ok(planned);
        }
        let held = Held(vec![(open, kept)]);
        let of = self.erasures.find(&place.erasure.collection)?;
        let found = held.before(self.erasures, of, &place.erasure.action)?.into_iter().next();
        Ok(match (planned, found.map(|hold| hold.rows)) {
            (Some(planned), Some(found)) => Some(both(&planned, found)),
            (planned, found) => planned.or(found),
        })
    }

    /// Whom a hold kept: the rows of that person stand, and are found as ever.
    async fn kept(&self, open: &OpenHold) -> Result<Kept, StepError> {
        let HoldScope::Subject { identity_type } = &open.scope else { return Ok(Kept::AsSaid) };
        let identity = open.identity(identity_type)?;
        if subject::is_about(self.erasures, self.step, identity_type, &identity).await? {
            return Ok(Kept::Everything);
        }
        let Checked { schemas, facts, .. } = self.checked;
        let way = traversal(self.erasures.sources.map(), schemas, facts, identity_type);
        let way = way.map_err(|obstacles| refused_by(&obstacles))?;
        let rows = subject::find(self.erasures, self.step, self.checked, (&way, &identity)).await?;
        Ok(Kept::Person(rows))
    }
}
