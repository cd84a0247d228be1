//! `lethe jobs show`

use chrono::Utc;
use clap::Args;
use uuid::Uuid;

use crate::api::{Api, ApiAccess};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::{text, watch};

/// Show one job: its state, its progress, its history.
#[derive(Debug, Args)]
#[command(
    long_about = "Shows one job: its state, its progress per collection in rows and bytes, its steps, and its history \
                  as the audit log has it. Of an erasure also when it begins, what steps wait for and when they are \
                  tried next, and the rows that legal holds keep. With --watch it shows progress until the job has ended, and the exit code \
                  is 3 when it ended without its result, and 4 when it found nobody by the identity that it was given.",
    after_long_help = "Examples:\n  \
                       lethe jobs show 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f\n  \
                       lethe jobs show 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f --watch"
)]
pub struct Show {
    /// The job's id.
    id: Uuid,
    /// Show progress until the job has ended.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    access: ApiAccess,
}

impl Show {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let api = Api::open(&self.access)?;
        let (job, outcome) = if self.watch {
            let job = watch::until_ended(&api, self.id, None, output).await?;
            let outcome = watch::outcome(&job);
            (job, outcome)
        } else {
            (api.job_now(self.id).await?, Outcome::Done)
        };
        output.result(&job, || text::job::job(&job, Utc::now()))?;
        Ok(outcome)
    }
}
