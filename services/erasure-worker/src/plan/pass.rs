//! A further pass: after verification has found rows, what is left is planned anew, under the same cutoff.

use chassis::StepError;
use store::Claimed;

use crate::Erasures;
use crate::scope::{VerifyScope, verified_by};

/// What was there before this planning.
#[derive(Default)]
pub(super) struct Before {
    /// Which pass this is, from 1.
    pub pass: i32,
    /// What the pass before was to look for at its end.
    pub verified: Option<VerifyScope>,
}

impl Before {
    /// Whether the pass before had found the person: by rows of the person's own, or by rows shared with others.
    pub fn found_somebody(&self) -> bool {
        let Some(scope) = &self.verified else { return false };
        let own = scope.person.as_ref().is_some_and(|person| !person.own.is_empty());
        own || scope.places.iter().any(|place| place.batches.names_any())
    }
}

pub(super) async fn before(erasures: &Erasures, step: &Claimed) -> Result<Before, StepError> {
    let pass = step.pass;
    let verified = if pass > 1 { verified_by(erasures, step, step.job_id).await? } else { None };
    Ok(Before { pass, verified })
}
