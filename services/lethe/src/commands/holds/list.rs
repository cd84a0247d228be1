//! `lethe holds list`

use chrono::Utc;
use clap::Args;

use crate::api::{Api, ApiAccess};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text;

/// List legal holds, the latest first.
#[derive(Debug, Args)]
#[command(
    long_about = "Lists the organisation's legal holds, the latest first, without the values that persons and rows are \
                  found by. Needs the role owner, privacy_officer or auditor.",
    after_long_help = "Examples:\n  \
                       lethe holds list --active\n  \
                       lethe holds list --json | jq -r '.holds[].id'"
)]
pub struct List {
    /// Only those that are not released.
    #[arg(long)]
    active: bool,
    #[command(flatten)]
    access: ApiAccess,
}

impl List {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let list = Api::open(&self.access)?.holds(self.active).await?;
        output.result(&list, || text::hold::holds(&list.holds, Utc::now()))?;
        Ok(Outcome::Done)
    }
}
