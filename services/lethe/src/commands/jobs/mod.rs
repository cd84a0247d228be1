//! `lethe jobs`

mod control;
mod list;
mod plan;
mod show;
mod step;

use clap::Subcommand;

use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;

/// Look at jobs and plans, call jobs off, have them tried again.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    List(list::List),
    Show(show::Show),
    Plan(plan::Plan),
    #[command(
        about = "Call a job off",
        long_about = "Calls a job off, and shows it as it is then. What has begun stops at once or at its next step. \
                      An erasure can be called off until it begins to change something, while it is being planned \
                      too, and what was marked as deleted is restored. Needs the role owner.",
        after_long_help = "Example:\n  lethe jobs cancel 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f"
    )]
    Cancel(control::Control),
    #[command(
        about = "Have a failed job tried again",
        long_about = "Has a failed job tried again from the step at which it failed, and shows it as it is then. \
                      An erasure that failed because something was left is planned once more for what is left, in \
                      a further pass. Needs the role owner.",
        after_long_help = "Example:\n  lethe jobs retry 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f"
    )]
    Retry(control::Control),
    RetryStep(step::RetryStep),
    SkipStep(step::SkipStep),
}

impl JobsCommand {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        match self {
            Self::List(command) => command.run(output).await,
            Self::Show(command) => command.run(output).await,
            Self::Plan(command) => command.run(output).await,
            Self::Cancel(command) => command.run("cancel", output).await,
            Self::Retry(command) => command.run("retry", output).await,
            Self::RetryStep(command) => command.run(output).await,
            Self::SkipStep(command) => command.run(output).await,
        }
    }
}
