//! What the caller calls a job.

use clap::Args;

/// The options for it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Names")]
pub struct NamingOptions {
    /// A label for people who look at a list. It is kept in the clear, so it says nothing of anybody.
    #[arg(long, value_name = "TEXT")]
    pub(super) label: Option<String>,
    /// The request's name in another system, as DSR-2026-0117; kept in the clear too.
    #[arg(long, value_name = "NAME")]
    pub(super) reference: Option<String>,
}
