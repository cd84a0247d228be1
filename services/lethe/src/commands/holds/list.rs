//! `lethe holds list`

use chrono::Utc;
use clap::Args;
use contracts::http::HoldView;
use serde_json::json;

use super::super::page;
use crate::api::{Api, ApiAccess};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text;

/// List legal holds, the latest first.
#[derive(Debug, Args)]
#[command(
    long_about = "Lists the organisation's legal holds, the latest first, without the values that persons and rows are \
                  found by. Needs the role owner, privacy_officer or auditor.",
    after_long_help = "Examples:\n  \
                       lethe holds list --active\n  \
                       lethe holds list --json | jq -r '.holds[].id'"
)]
pub struct List {
    /// Only those that are not released.
    #[arg(long)]
    active: bool,
    #[command(flatten)]
    access: ApiAccess,
}

impl List {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let holds = self.holds(&Api::open(&self.access)?).await?;
        output.result(&json!({"holds": holds}), || text::hold::holds(&holds, Utc::now()))?;
        Ok(Outcome::Done)
    }

    async fn holds(&self, api: &Api) -> Result<Vec<HoldView>, Failure> {
        let filters = [("active", self.active.then(|| "true".to_owned()))];
        let (mut holds, mut cursor) = (Vec::new(), None);
        loop {
            let page = api.holds(&page::parameters(&filters, usize::MAX, cursor)).await?;
            holds.extend(page.holds);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(holds);
            }
        }
    }
}
