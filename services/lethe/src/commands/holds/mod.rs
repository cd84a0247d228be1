//! `lethe holds`

mod list;
mod place;
mod release;
mod scope;
mod show;

use clap::Subcommand;

use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;

/// Place, look at and release legal holds: what must not be erased.
#[derive(Debug, Subcommand)]
pub enum HoldsCommand {
    Place(place::Place),
    List(list::List),
    Show(show::Show),
    Release(release::Release),
}

impl HoldsCommand {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        match self {
            Self::Place(command) => command.run(output).await,
            Self::List(command) => command.run(output).await,
            Self::Show(command) => command.run(output).await,
            Self::Release(command) => command.run(output).await,
        }
    }
}
