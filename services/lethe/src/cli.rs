//! The commands and their options.

use clap::{Args, Parser, Subcommand};

use crate::commands::{audit, data_map, demo, download, export, jobs, migrate, token};

/// Lethe's command line.
#[derive(Debug, Parser)]
#[command(
    name = "lethe",
    version,
    about = "Exports, jobs and evidence of Lethe, and the tools to set it up",
    long_about = "Lethe carries out privacy obligations on a company's own data: exports for organisations, and the \
                  evidence for them.\n\n\
                  A first look, on a machine where `make demo` has run:\n\n  \
                  export LETHE_MODE=development\n  \
                  export LETHE_TOKEN=$(lethe token --organisation a0e11a00-0000-4000-8000-000000000001 --role owner)\n  \
                  lethe export --format both --output export.zip\n  \
                  lethe jobs list\n\n\
                  Every command explains itself: lethe help COMMAND.",
    after_long_help = "Exit codes:\n  \
                       0    done\n  \
                       1    it did not work, or a check says no\n  \
                       2    the command was used wrongly\n  \
                       3    the job that was waited for failed or was cancelled\n  \
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
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results and errors only: no progress, no remarks.
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the control database's migrations.
    Migrate(migrate::Migrate),
    /// Look at a data map: where personal data lives.
    #[command(subcommand)]
    DataMap(data_map::DataMapCommand),
    /// The sample company.
    #[command(subcommand)]
    Demo(demo::DemoCommand),
    /// Make a token for development.
    Token(token::Token),
    /// Ask for an export of an organisation.
    Export(export::Export),
    /// Look at jobs, call them off, have them tried again.
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    /// Download a finished package.
    Download(download::Download),
    /// Read the audit log.
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
    fn no_help_shows_a_secret_of_the_environment() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                let secret = argument.get_env().and_then(|name| name.to_str()).is_some_and(|name| {
                    name == "LETHE_TOKEN" || name.contains("URL") && name != "LETHE_API_URL" || name == "LETHE_STORES"
                });
                assert!(!secret || argument.is_hide_env_values_set(), "{}", argument.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
