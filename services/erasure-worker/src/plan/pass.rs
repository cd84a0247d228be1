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
    /// Whether an earlier pass had found the person.
    pub fn found_somebody(&self) -> bool {
        let person = self.verified.as_ref().and_then(|scope| scope.person.as_ref());
        person.is_some_and(|person| !person.own.is_empty())
    }
}

pub(super) async fn before(erasures: &Erasures, step: &Claimed) -> Result<Before, StepError> {
    let pass = step.pass;
    let verified = if pass > 1 { verified_by(erasures, step, step.job_id).await? } else { None };
    Ok(Before { pass, verified })
}
