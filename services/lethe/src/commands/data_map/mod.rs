//! `lethe data-map`

mod check;
mod explain;
mod finding;
mod stores;

use clap::Subcommand;

use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;

/// Look at a data map: where personal data lives.
#[derive(Debug, Subcommand)]
pub enum DataMapCommand {
    Check(check::Check),
}

impl DataMapCommand {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        match self {
            Self::Check(command) => command.run(output).await,
        }
    }
}
