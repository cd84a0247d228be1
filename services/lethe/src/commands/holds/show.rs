//! `lethe holds show`

use chrono::Utc;
use clap::Args;
use uuid::Uuid;

use crate::api::{Api, ApiAccess};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text;

/// Show one legal hold.
#[derive(Debug, Args)]
#[command(
    long_about = "Shows one legal hold: what it covers, without the values that it is found by, its ground, who answers \
                  for it, and when somebody looks whether it is still needed. Needs the role owner, privacy_officer \
                  or auditor.",
    after_long_help = "Example:\n  lethe holds show 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f"
)]
pub struct Show {
    /// The hold's id.
    id: Uuid,
    #[command(flatten)]
    access: ApiAccess,
}

impl Show {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let hold = Api::open(&self.access)?.hold(self.id).await?;
        output.result(&hold, || text::hold::hold(&hold, Utc::now()))?;
        Ok(Outcome::Done)
    }
}
