//! `lethe data-map`

mod check;
mod explain;
mod finding;
mod journal;
mod stores;

use clap::Subcommand;

use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;

/// Look at a data map (where personal data lives), and prepare its stores for erasure.
#[derive(Debug, Subcommand)]
pub enum DataMapCommand {
    Check(check::Check),
    Journal(journal::Journal),
}

impl DataMapCommand {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        match self {
            Self::Check(command) => command.run(output).await,
            Self::Journal(command) => command.run(output),
        }
    }
}
