//! `lethe subject`

mod erase;
mod export;
mod person;

use clap::Subcommand;

pub(super) use self::person::{Named, named, read};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;

/// Export or erase what concerns one person.
#[derive(Debug, Subcommand)]
pub enum SubjectCommand {
    Export(export::Export),
    Erase(erase::Erase),
}

impl SubjectCommand {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        match self {
            Self::Export(command) => command.run(output).await,
            Self::Erase(command) => command.run(output).await,
        }
    }
}
