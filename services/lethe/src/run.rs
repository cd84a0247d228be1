//! From arguments to an exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::commands;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;

/// Runs the program with these arguments, its own name first.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(answer) => {
            // Help and version come this way too. A reader that has gone away needs neither.
            answer.print().ok();
            return ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(2));
        }
    };
    let mut output = Output::standard(cli.global.json, cli.global.quiet);
    match carry_out(cli, &mut output) {
        Ok(outcome) => outcome.exit_code(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

fn carry_out(cli: Cli, output: &mut Output) -> Result<Outcome, Failure> {
    // Migrations block the thread they run on, so one thread would not do.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new("the program's threads cannot be started").because(error))?;
    runtime.block_on(commands::run(cli.command, output))
}
