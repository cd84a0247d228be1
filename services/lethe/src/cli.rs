//! The commands and their options.

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    archive, audit, data_map, demo, download, erase, export, holds, jobs, migrate, subject, token,
};

/// Lethe's command line.
#[derive(Debug, Parser)]
#[command(
    name = "lethe",
    version,
    about = "Exports, erasures, legal holds and evidence of Lethe, and the tools to set it up",
    long_about = "Lethe carries out privacy obligations on a company's own data: exports and erasures for \
                  organisations and for single persons, legal holds, and the evidence for all of it.\n\n\
                  A first look, on a machine where `make demo` has run:\n\n  \
                  export LETHE_MODE=development\n  \
                  export LETHE_TOKEN=$(lethe token --organisation a0e11a00-0000-4000-8000-000000000001 --role owner)\n  \
                  lethe export --format both --output export.zip\n  \
                  lethe archive export.zip --verify\n  \
                  lethe erase --dry-run --wait\n  \
                  lethe jobs list\n\n\
                  Every command explains itself: lethe help COMMAND.",
    after_long_help = "Exit codes:\n  \
                       0    done\n  \
                       1    it did not work, or a check says no\n  \
                       2    the command was used wrongly\n  \
                       3    the job that was waited for failed or was cancelled\n  \
                       4    the job that was waited for found nobody by the identity\n  \
                       130  interrupted with Ctrl-C\n\n\
                       Results go to standard output, progress and errors to standard error.",
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Copy, Args)]
pub struct Global {
    /// Print one JSON document for programs, errors included, and show no progress.
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Print results and errors only: no progress, no remarks.
    #[arg(long, short, global = true, help_heading = "Output")]
    pub quiet: bool,
}

/// What to do. Each command says itself what it does: words here would hide its own.
#[derive(Debug, Subcommand)]
pub enum Command {
    Migrate(migrate::Migrate),
    #[command(subcommand)]
    DataMap(data_map::DataMapCommand),
    #[command(subcommand)]
    Demo(demo::DemoCommand),
    Token(token::Token),
    Export(export::Export),
    Erase(erase::Erase),
    #[command(subcommand)]
    Subject(subject::SubjectCommand),
    #[command(subcommand)]
    Holds(holds::HoldsCommand),
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    Download(download::Download),
    Archive(archive::Archive),
    Audit(audit::Audit),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_more_when_asked_for_more() {
        fn check(command: &clap::Command) {
            let leaf = command.get_subcommands().next().is_none();
            let (about, long) = (command.get_about(), command.get_long_about());
            assert!(about.is_some() && (!leaf || long.is_some()), "{}", command.get_name());
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn no_help_shows_a_secret_of_the_environment() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                let secret = argument.get_env().and_then(|name| name.to_str()).is_some_and(|name| {
                    name == "LETHE_TOKEN"
                        || name.contains("URL") && name != "LETHE_API_URL"
                        || name == "LETHE_STORES"
                });
                assert!(!secret || argument.is_hide_env_values_set(), "{}", argument.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
