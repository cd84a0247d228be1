//! One file per command.

pub mod archive;
pub mod audit;
pub mod data_map;
pub mod demo;
pub mod download;
pub mod erase;
pub mod export;
pub mod holds;
pub mod jobs;
pub mod migrate;
pub mod subject;
pub mod token;

mod ask;
mod encrypt_to;
mod erasing;
mod idempotency;
mod naming;
mod page;

use crate::cli::Command;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;

/// Carries out one command.
///
/// # Errors
/// [`Failure`] when it ends without its result.
pub async fn run(command: Command, output: &mut Output) -> Result<Outcome, Failure> {
    match command {
        Command::Migrate(command) => command.run(output).await,
        Command::DataMap(command) => command.run(output).await,
        Command::Demo(command) => command.run(output).await,
        Command::Token(command) => command.run(output),
        Command::Export(command) => command.run(output).await,
        Command::Erase(command) => command.run(output).await,
        Command::Subject(command) => command.run(output).await,
        Command::Holds(command) => command.run(output).await,
        Command::Jobs(command) => command.run(output).await,
        Command::Download(command) => command.run(output).await,
        Command::Archive(command) => command.run(output),
        Command::Audit(command) => command.run(output).await,
    }
}
