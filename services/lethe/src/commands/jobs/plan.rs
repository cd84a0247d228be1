//! `lethe jobs plan`

use clap::Args;
use uuid::Uuid;

use crate::api::{Api, ApiAccess};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text;

/// Show what an erasure will do, or did.
#[derive(Debug, Args)]
#[command(
    long_about = "Shows the plan of an erasure: what happens to the rows of each collection and how many they are, \
                  which columns change and what the law calls the outcome, which rows stay and on which ground, tokens \
                  and media. It holds no value of a row: samples show letters as x and digits as 9.\n\n\
                  anonymised: no longer personal data (Recital 26). pseudonymised: replaced by what a holder of the \
                  key can recompute, so still personal data (Art. 4(5)).\n\n\
                  The plan of an erasure that waits is made when its grace period ends; `lethe erase --dry-run` makes \
                  one at once. Equal plan hashes are equal decisions about as many rows of the same organisation.",
    after_long_help = "Examples:\n  \
                       lethe jobs plan 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f\n  \
                       lethe jobs plan 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f --json | jq -r .plan_hash"
)]
pub struct Plan {
    /// The job's id.
    id: Uuid,
    #[command(flatten)]
    access: ApiAccess,
}

impl Plan {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let plan = Api::open(&self.access)?.plan(self.id).await?;
        output.result(&plan, || text::plan::plan(&plan))?;
        Ok(Outcome::Done)
    }
}
