//! `lethe jobs cancel` and `lethe jobs retry`

use chrono::Utc;
use clap::Args;
use uuid::Uuid;

use crate::api::{Api, ApiAccess};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text;

/// Do something to a job.
#[derive(Debug, Args)]
pub struct Control {
    /// The job's id.
    id: Uuid,
    #[command(flatten)]
    access: ApiAccess,
}

impl Control {
    pub(super) async fn run(self, action: &'static str, output: &mut Output) -> Result<Outcome, Failure> {
        let api = Api::open(&self.access)?;
        api.control(self.id, action).await?;
        let job = api.job_now(self.id).await?;
        output.result(&job, || text::job::job(&job, Utc::now()))?;
        Ok(Outcome::Done)
    }
}
