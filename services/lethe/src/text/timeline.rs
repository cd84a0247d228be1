//! A job's history as a picture.

use chrono::{DateTime, Utc};
use contracts::http::TimelineEntry;

use super::plain;
use super::time::span;

/// Runs of the same event longer than this are shown as one line.
const LONGEST_RUN: usize = 3;

/// The history, one event a line, oldest first, with the time since the job was created.
pub(super) fn timeline(entries: &[TimelineEntry], created_at: DateTime<Utc>) -> String {
    let runs =
        entries.chunk_by(|a, b| (&a.action, &a.outcome, &a.actor) == (&b.action, &b.outcome, &b.actor));
    let mut lines = Vec::new();
    for run in runs {
        if run.len() > LONGEST_RUN {
            lines
                .extend(run.first().map(|first| line(first, created_at, &format!(" ({} times)", run.len()))));
        } else {
            lines.extend(run.iter().map(|entry| line(entry, created_at, &step(entry))));
        }
    }
    lines.join("  │\n")
}

fn line(entry: &TimelineEntry, created_at: DateTime<Utc>, remark: &str) -> String {
    let mark = if entry.outcome == "failure" { '✗' } else { '●' };
    let since = format!("+{}", span(entry.occurred_at - created_at));
    let (action, actor) = (plain(&entry.action), plain(&entry.actor));
    format!("  {mark} {since:<12} {action}{remark}, by {actor}\n")
}

fn step(entry: &TimelineEntry) -> String {
    match (entry.step_no, entry.outcome.as_str()) {
        (Some(number), _) => format!(", step {number}"),
        (None, "success" | "failure") => String::new(),
        (None, outcome) => format!(", {}", plain(outcome).replace('_', " ")),
    }
}
