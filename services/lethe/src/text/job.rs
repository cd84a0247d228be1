//! Jobs: one with everything about it, or many as a table.

mod facts;
mod steps;

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use contracts::http::{JobSummary, JobView, LivePackageView, RetainedView, Status};
use domain::job::JobKind;

use super::amount::{count, per_cent, size};
use super::exported::exported;
use super::found::found;
use super::media::media;
use super::plain;
use super::progress_bar::progress_bar;
use super::table::Table;
use super::time::{ago, span};
use super::timeline::timeline;

pub use facts::begins;

/// A job with its progress and its history.
#[must_use]
pub fn job(job: &JobView, now: DateTime<Utc>) -> String {
    let summary = &job.summary;
    let title = facts::title(job);
    let mut text = format!("{} {}  {}\n\n", plain(&title), summary.id, plain(&facts::state(summary)));
    for (name, value) in facts::facts(job, now) {
        // A String takes whatever is written.
        writeln!(text, "  {name:<10}{}", plain(&value)).ok();
    }
    if !job.progress.collections.is_empty() {
        write!(text, "\ncollections\n{}", collections(job)).ok();
    }
    if !job.steps.is_empty() {
        write!(text, "\nsteps\n{}", steps::steps(summary.id, &job.steps, now)).ok();
    }
    if !job.retained.is_empty() {
        write!(text, "\nretained\n{}", retained(&job.retained)).ok();
    }
    if !job.media.is_empty() {
        write!(text, "\nmedia\n{}", media(&job.media)).ok();
    }
    if let Some(exported) = job.exported.as_ref().and_then(exported) {
        write!(text, "\nin the package\n{exported}").ok();
    }
    if let Some(found) = job.found.as_ref().and_then(found) {
        write!(text, "\nfound at the end\n{found}").ok();
    }
    if !job.outlived_by.is_empty() {
        write!(text, "\npackages that may hold what was erased\n{}", outlived_by(&job.outlived_by, now)).ok();
    }
    if !job.timeline.is_empty() {
        write!(text, "\ntimeline\n{}", timeline(&job.timeline, summary.created_at)).ok();
    }
    if let Some(next) = next(job) {
        writeln!(text, "\nnext: {next}").ok();
    }
    text
}

/// Jobs, one a line.
#[must_use]
pub fn jobs(jobs: &[JobSummary], now: DateTime<Utc>) -> String {
    if jobs.is_empty() {
        return "no jobs\n".to_owned();
    }
    let mut table = Table::of(&["ID", "WHAT", "STATE", "CREATED", "TOOK", "LABEL", "REFERENCE"]);
    let or_dash = |text: Option<&String>| text.cloned().unwrap_or_else(|| "-".to_owned());
    for job in jobs {
        let took = job.ended_at.map(|at| span(at - job.created_at)).unwrap_or_else(|| "-".to_owned());
        let about = job.about.as_ref();
        table.row([
            job.id.to_string(),
            about.map_or_else(|| job.kind.clone(), |about| about.title.clone()),
            facts::state(job),
            ago(job.created_at, now),
            took,
            or_dash(about.and_then(|about| about.label.as_ref())),
            or_dash(about.and_then(|about| about.external_reference.as_ref())),
        ]);
    }
    table.text()
}

fn collections(job: &JobView) -> String {
    // What is erased is counted in rows alone.
    let columns = if erases(job) { 4 } else { 5 };
    let header = ["  COLLECTION", "DONE", "", if erases(job) { "ERASED" } else { "ROWS" }, "SIZE"];
    let mut table = Table::of(header.get(..columns).unwrap_or(&header));
    for part in &job.progress.collections {
        let (done, planned) = (part.rows_done, part.rows_planned);
        let cells = [
            format!("  {}", part.collection),
            format!("{} %", per_cent(done, planned)),
            progress_bar(done, planned),
            if done == planned { count(done) } else { format!("{} of {}", count(done), count(planned)) },
            size(part.bytes_done),
        ];
        table.row(cells.into_iter().take(columns));
    }
    table.text()
}

/// Rows that stayed because of legal holds, with the ground of each (Art. 17(3)).
fn retained(rows: &[RetainedView]) -> String {
    let mut table = Table::of(&["  COLLECTION", "ROWS", "GROUND", "HOLD", "ERASED BY"]);
    for kept in rows {
        table.row([
            format!("  {}", kept.collection),
            count(kept.rows),
            kept.ground.clone(),
            kept.hold.to_string(),
            kept.erased_by.map(|job| format!("job {job}")).unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table.text()
}

/// Until when packages from before can be had.
fn outlived_by(packages: &[LivePackageView], now: DateTime<Utc>) -> String {
    let mut table = Table::of(&["  OF EXPORT", "FOR ANOTHER"]);
    for package in packages {
        table.row([format!("  {}", package.job), span(package.expires_at - now)]);
    }
    table.text()
}

/// Whether rows are erased, not written into a package.
fn erases(job: &JobView) -> bool {
    job.summary.kind == JobKind::Erasure.name()
}

/// The command that goes on from here, by what the API offers.
fn next(job: &JobView) -> Option<String> {
    let offers = |name: &str| job.links.contains_key(name);
    let id = job.summary.id;
    let is_dry = job.request.get("dry_run").is_some_and(|dry| dry == true);
    if job.package.is_some() && offers("download") {
        Some(format!("lethe download {id}"))
    } else if offers("retry") {
        Some(format!("lethe jobs retry {id}"))
    } else if offers("plan") && is_dry && job.summary.status == Status::Completed {
        Some(format!("lethe jobs plan {id}"))
    } else if job.summary.ended_at.is_none() && job.summary.not_before.is_none() {
        Some(format!("lethe jobs show {id} --watch"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
