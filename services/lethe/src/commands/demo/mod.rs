//! `lethe demo`

mod database;
mod seed;

use clap::Subcommand;

use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;

/// Set up the sample company.
#[derive(Debug, Subcommand)]
pub enum DemoCommand {
    Seed(seed::Seed),
}

impl DemoCommand {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        match self {
            Self::Seed(command) => command.run(output).await,
        }
    }
}
