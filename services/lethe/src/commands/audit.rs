//! `lethe audit`

use clap::Args;
use contracts::http::AuditEntry;
use serde_json::json;
use uuid::Uuid;

use super::page;
use crate::api::{Api, ApiAccess};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::text;

/// Read the audit log.
#[derive(Debug, Args)]
#[command(
    long_about = "Reads the organisation's entries of the audit log, newest first: who did what, when, to which job, \
                  with which outcome. The log holds no personal data. Needs the role owner, privacy_officer or auditor.",
    after_long_help = "Examples:\n  \
                       lethe audit --limit 50\n  \
                       lethe audit --job 0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f --json"
)]
pub struct Audit {
    /// Only entries about this job.
    #[arg(long, value_name = "ID")]
    job: Option<Uuid>,
    /// Only this action, as job.completed.
    #[arg(long, value_name = "NAME")]
    action: Option<String>,
    /// At most so many entries.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    access: ApiAccess,
}

impl Audit {
    pub(super) async fn run(self, output: &mut Output) -> Result<Outcome, Failure> {
        let api = Api::open(&self.access)?;
        let entries = self.entries(&api).await?;
        output.result(&json!({"entries": entries}), || text::audit::audit(&entries))?;
        Ok(Outcome::Done)
    }

    async fn entries(&self, api: &Api) -> Result<Vec<AuditEntry>, Failure> {
        let filters = [("job", self.job.map(|id| id.to_string())), ("action", self.action.clone())];
        let wanted = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let (mut entries, mut cursor) = (Vec::new(), None);
        loop {
            let page = api.audit(&page::parameters(&filters, wanted - entries.len(), cursor)).await?;
            entries.extend(page.entries);
            entries.truncate(wanted);
            cursor = page.next_cursor;
            if cursor.is_none() || entries.len() == wanted {
                return Ok(entries);
            }
        }
    }
}
