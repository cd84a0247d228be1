//! Jobs: one with everything about it, or many as a table.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use contracts::http::{JobSummary, JobView, StepView};
use serde_json::Value;

use super::amount::{count, of, per_cent, size};
use super::plain;
use super::progress_bar::progress_bar;
use super::table::Table;
use super::time::{ago, moment, span};
use super::timeline::timeline;

/// A job with its progress and its history.
#[must_use]
pub fn job(job: &JobView, now: DateTime<Utc>) -> String {
    let summary = &job.summary;
    let mut text = format!("{} {}  {}\n\n", plain(&summary.kind), summary.id, plain(&summary.state));
    for (name, value) in facts(job, now) {
        // A String takes whatever is written.
        writeln!(text, "  {name:<10}{}", plain(&value)).ok();
    }
    if !job.progress.collections.is_empty() {
        write!(text, "\ncollections\n{}", collections(job)).ok();
    }
    if !job.steps.is_empty() {
        write!(text, "\nsteps\n{}", steps(&job.steps)).ok();
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
    let mut table = Table::of(&["ID", "KIND", "STATE", "CREATED", "TOOK"]);
    for job in jobs {
        let took = job.ended_at.map(|at| span(at - job.created_at)).unwrap_or_else(|| "-".to_owned());
        table.row([job.id.to_string(), job.kind.clone(), job.state.clone(), ago(job.created_at, now), took]);
    }
    table.text()
}

fn facts(job: &JobView, now: DateTime<Utc>) -> Vec<(&'static str, String)> {
    let summary = &job.summary;
    let mut facts = vec![
        ("request", request(&job.request)),
        ("created", format!("{} ({})", moment(summary.created_at), ago(summary.created_at, now))),
    ];
    if let Some(at) = summary.ended_at {
        facts.push(("ended", format!("{}, after {}", moment(at), span(at - summary.created_at))));
    }
    if let Some(cutoff) = job.cutoff {
        facts.push(("cutoff", moment(cutoff)));
    }
    let progress = &job.progress;
    if progress.rows_planned > 0 || progress.rows_done > 0 {
        let (done, planned) = (count(progress.rows_done), count(progress.rows_planned));
        facts.push(("rows", format!("{done} of {planned}, {} uncompressed", size(progress.bytes_done))));
    }
    if let Some(package) = &job.package {
        facts.push(("package", format!("{}, {}", package.file_name, size(package.size_bytes))));
        facts.push(("SHA-256", package.sha256.clone()));
    }
    if let Some(failure) = &job.failure {
        facts.push(("failure", format!("{}: {}", failure.code, failure.detail)));
    }
    facts
}

/// What was asked for, whatever the kind of job: `format json, include_media false`.
fn request(request: &Value) -> String {
    let Value::Object(members) = request else {
        return request.to_string();
    };
    let member = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name} {text}"),
        Value::Object(encryption) if name == "encryption" => match encryption.get("recipients") {
            Some(Value::Array(recipients)) => format!("encrypted to {} recipients", recipients.len()),
            _ => format!("{name} {value}"),
        },
        other => format!("{name} {other}"),
    };
    members.iter().map(member).collect::<Vec<_>>().join(", ")
}

fn collections(job: &JobView) -> String {
    let mut table = Table::of(&["  COLLECTION", "DONE", "", "ROWS", "SIZE"]);
    for part in &job.progress.collections {
        let (done, planned) = (part.rows_done, part.rows_planned);
        table.row([
            format!("  {}", part.collection),
            format!("{} %", per_cent(done, planned)),
            progress_bar(done, planned),
            if done == planned { count(done) } else { format!("{} of {}", count(done), count(planned)) },
            size(part.bytes_done),
        ]);
    }
    table.text()
}

fn steps(steps: &[StepView]) -> String {
    let mut states: Vec<(&str, usize)> = Vec::new();
    for step in steps {
        match states.iter_mut().find(|(state, _)| *state == step.state) {
            Some((_, number)) => *number += 1,
            None => states.push((&step.state, 1)),
        }
    }
    let counted: Vec<String> = states.iter().map(|(state, number)| format!("{number} {state}")).collect();
    let mut text = format!("  {}\n", plain(&counted.join(", ")));
    for step in steps {
        if let Some(failure) = &step.failure {
            let about = step.collection.as_deref().unwrap_or("the job");
            let attempts = of(usize::try_from(step.attempts).unwrap_or(0), "attempt");
            let line =
                format!("step {} ({} of {about}), {attempts}: {}", step.step_no, step.kind, failure.detail);
            writeln!(text, "  ✗ {}", plain(&line)).ok();
        }
    }
    text
}

/// The command that goes on from here, by what the API offers.
fn next(job: &JobView) -> Option<String> {
    let offers = |name: &str| job.links.contains_key(name);
    let id = job.summary.id;
    if job.package.is_some() && offers("download") {
        Some(format!("lethe download {id}"))
    } else if offers("retry") {
        Some(format!("lethe jobs retry {id}"))
    } else if job.summary.ended_at.is_none() {
        Some(format!("lethe jobs show {id} --watch"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
