//! `lethe holds release`

use chrono::Utc;
use clap::Args;
use uuid::Uuid;

use crate::api::{Api, ApiAccess};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text;

/// Release a legal hold.
#[derive(Debug, Args)]
#[command(
    long_about = "Releases a legal hold. What earlier erasures left because of it is erased now: it prints the jobs that \
                  do so, which begin at once. Needs the role owner or privacy_officer, and a token of somebody who has signed \
                  in a short while ago, as erasures do.",
    after_long_help = "Examples:\n  \
                       lethe holds release 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f\n  \
                       lethe holds release 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f --json | jq -r '.jobs[].id'"
)]
pub struct Release {
    /// The hold's id.
    id: Uuid,
    #[command(flatten)]
    access: ApiAccess,
}

impl Release {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let released = Api::open(&self.access)?.release_hold(self.id).await?;
        output.result(&released, || text::hold::released(&released, Utc::now()))?;
        Ok(Outcome::Done)
    }
}
