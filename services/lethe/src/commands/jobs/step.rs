//! `lethe jobs retry-step` and `lethe jobs skip-step`

use chrono::Utc;
use clap::{Args, ValueEnum};
use contracts::http::{SkipBody, SkipReason};
use uuid::Uuid;

use crate::api::{Api, ApiAccess};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text;

/// A step of a job.
#[derive(Debug, Args)]
struct Step {
    /// The job's id.
    id: Uuid,
    /// The step's number, as `lethe jobs show` has it.
    #[arg(value_parser = clap::value_parser!(u32).range(1..=2_147_483_647))]
    step: u32,
    #[command(flatten)]
    access: ApiAccess,
}

/// Have a step that waits tried at once.
#[derive(Debug, Args)]
#[command(
    long_about = "Has a step that failed and waits for its next attempt tried at once, and shows the job as it is \
                  then. Needs the role owner.",
    after_long_help = "Example:\n  lethe jobs retry-step 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f 3"
)]
pub struct RetryStep {
    #[command(flatten)]
    step: Step,
}

/// Do without a step that waits for others.
#[derive(Debug, Args)]
#[command(
    long_about = "Does without a step that waits for somebody else, as for the provider at which tokens are to be \
                  revoked, and shows the job as it is then. A verification that waits for open transactions is not \
                  done without: it looks at the result at once, and its result names the reason. The reason enters \
                  the audit log. Needs the role owner.",
    after_long_help = "Example:\n  \
                       lethe jobs skip-step 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f 3 --reason provider_closed\n  \
                       lethe jobs skip-step 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f 9 --reason transaction_harmless"
)]
pub struct SkipStep {
    #[command(flatten)]
    step: Step,
    /// Why.
    #[arg(long, value_enum)]
    reason: Reason,
}

/// Why an owner does without a step, or without what it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Reason {
    /// The provider has closed its service
    ProviderClosed,
    /// The tokens have expired by themselves
    TokensExpired,
    /// The tokens were revoked by other means
    RevokedElsewhere,
    /// The erasure cannot wait, and the risk is accepted
    RiskAccepted,
    /// Verification: the open transactions cannot write rows that the erasure is about
    TransactionHarmless,
}

impl From<Reason> for SkipReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::ProviderClosed => Self::ProviderClosed,
            Reason::TokensExpired => Self::TokensExpired,
            Reason::RevokedElsewhere => Self::RevokedElsewhere,
            Reason::RiskAccepted => Self::RiskAccepted,
            Reason::TransactionHarmless => Self::TransactionHarmless,
        }
    }
}

impl RetryStep {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let Step { id, step, access } = self.step;
        let api = Api::open(&access)?;
        api.retry_step(id, step).await?;
        print(&api, id, output).await
    }
}

impl SkipStep {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let Step { id, step, access } = self.step;
        let api = Api::open(&access)?;
        api.skip_step(id, step, &SkipBody { reason: self.reason.into() }).await?;
        print(&api, id, output).await
    }
}

async fn print(api: &Api, id: Uuid, output: &mut Output) -> Result<Outcome, Failure> {
    let job = api.job_now(id).await?;
    output.result(&job, || text::job::job(&job, Utc::now()))?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_the_names_of_the_api() {
        for reason in Reason::value_variants() {
            let name = reason.to_possible_value().unwrap().get_name().to_owned();
            assert_eq!(serde_json::to_value(SkipReason::from(*reason)).unwrap(), name);
        }
        assert_eq!(Reason::value_variants().len(), domain::job::SkipReason::ALL.len());
    }
}
