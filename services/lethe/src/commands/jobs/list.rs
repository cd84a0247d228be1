//! `lethe jobs list`

use chrono::Utc;
use clap::Args;
use clap::builder::PossibleValuesParser;
use contracts::http::JobSummary;
use domain::job::JobState;
use serde_json::json;

use super::super::page;
use crate::api::{Api, ApiAccess};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text;

/// List jobs, newest first.
#[derive(Debug, Args)]
#[command(
    long_about = "Lists the organisation's jobs, newest first. Needs the role owner, privacy_officer or auditor.",
    after_long_help = "Examples:\n  \
                       lethe jobs list\n  \
                       lethe jobs list --state failed --limit 100\n  \
                       lethe jobs list --json | jq -r '.jobs[0].id'"
)]
pub struct List {
    /// Only jobs in this state.
    #[arg(long, value_name = "STATE", value_parser = PossibleValuesParser::new(JobState::NAMES))]
    state: Option<String>,
    /// At most so many jobs.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    access: ApiAccess,
}

impl List {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let api = Api::open(&self.access)?;
        let jobs = self.jobs(&api).await?;
        output.result(&json!({"jobs": jobs}), || text::job::jobs(&jobs, Utc::now()))?;
        Ok(Outcome::Done)
    }

    async fn jobs(&self, api: &Api) -> Result<Vec<JobSummary>, Failure> {
        let filters = [("state", self.state.clone())];
        let wanted = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let (mut jobs, mut cursor) = (Vec::new(), None);
        loop {
            let page = api.jobs(&page::parameters(&filters, wanted - jobs.len(), cursor)).await?;
            jobs.extend(page.jobs);
            jobs.truncate(wanted);
            cursor = page.next_cursor;
            if cursor.is_none() || jobs.len() == wanted {
                return Ok(jobs);
            }
        }
    }
}
