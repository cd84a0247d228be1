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

pub(super) async fn before(erasures: &Erasures, step: &Claimed) -> Result<Before, StepError> {
    let pass = step.pass;
    let verified = if pass > 1 { verified_by(erasures, step, step.job_id).await? } else { None };
    Ok(Before { pass, verified })
}
