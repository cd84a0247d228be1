//! Entries of the audit log.

use contracts::http::{AuditEntry, JobAboutView};

use super::media;
use super::table::Table;
use super::time::moment;

/// What a job is, with what its caller calls it.
fn what(about: &JobAboutView) -> String {
    let names = [&about.label, &about.external_reference].into_iter().flatten();
    names.fold(about.title.clone(), |text, name| format!("{text}, {name}"))
}

/// The entries as a table.
#[must_use]
pub fn audit(entries: &[AuditEntry]) -> String {
    if entries.is_empty() {
        return "no entries\n".to_owned();
    }
    let mut table = Table::of(&[
        "SEQ", "WHEN", "ACTION", "OUTCOME", "JOB", "WHAT", "VERSION", "STEP", "ROWS", "MEDIA", "ACTOR",
    ]);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    // An entry about a hold is about no job, or about the job that comes of it.
    let about = |entry: &AuditEntry| match (entry.job_id, entry.hold_id) {
        (None, Some(hold)) => Some(format!("hold {hold}")),
        (job, _) => job.map(|id| id.to_string()),
    };
    let action = |entry: &AuditEntry| match &entry.reason {
        Some(reason) => format!("{} ({reason})", entry.action),
        None => entry.action.clone(),
    };
    for entry in entries {
        table.row([
            entry.seq.to_string(),
            moment(entry.occurred_at),
            action(entry),
            entry.outcome.clone(),
            or_dash(about(entry)),
            or_dash(entry.about.as_ref().map(what)),
            or_dash(entry.job_version.map(|version| version.to_string())),
            or_dash(entry.step_no.map(|number| number.to_string())),
            or_dash(entry.rows.map(|rows| rows.to_string())),
            or_dash(entry.media.as_ref().map(media::in_words)),
            format!("{} ({})", entry.actor, entry.actor_role),
        ]);
    }
    table.text()
}
