//! `lethe demo`

mod database;
mod seed;

use clap::Subcommand;

use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;

/// The sample company.
#[derive(Debug, Subcommand)]
pub enum DemoCommand {
    /// Create the sample company's database and fill it.
    Seed(seed::Seed),
}

impl DemoCommand {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        match self {
            Self::Seed(command) => command.run(output).await,
        }
    }
}
