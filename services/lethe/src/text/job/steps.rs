//! A job's steps: how many are in which state, and what is to be known of single ones.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use contracts::http::StepView;
use uuid::Uuid;

use super::super::amount::of;
use super::super::plain;
use super::super::time::{ahead, moment};

/// The steps of the job, as of `now`.
pub(super) fn steps(job: Uuid, steps: &[StepView], now: DateTime<Utc>) -> String {
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
        for line in remarks(job, step, now) {
            // A String takes whatever is written.
            writeln!(text, "  {}", plain(&line)).ok();
        }
    }
    text
}

/// Why a step was skipped, what it waits for, or why it has not succeeded; and what comes next.
fn remarks(job: Uuid, step: &StepView, now: DateTime<Utc>) -> Vec<String> {
    let about = step.collection.as_deref().unwrap_or("the job");
    let pass = step.pass.map(|pass| format!(", pass {pass}")).unwrap_or_default();
    let name = format!("step {} ({} of {about}{pass})", step.step_no, step.kind);
    if let Some(reason) = &step.skip_reason {
        return vec![format!("○ {name} was skipped: {reason}")];
    }
    let waived = step.waived_reason.as_ref();
    let mut lines: Vec<String> =
        waived.map(|reason| format!("○ {name} does not wait: {reason}")).into_iter().collect();
    if let Some(waits) = &step.waits_for {
        lines.push(format!("◌ {name} waits: {}", waits.detail));
        lines.extend(commands(job, step, "to do without that"));
    } else if let Some(failure) = &step.failure {
        let attempts = of(usize::try_from(step.attempts).unwrap_or(0), "attempt");
        lines.push(format!("✗ {name}, {attempts}: {}", failure.detail));
        let next = step.not_before.map(|at| format!("    tried next at {} ({})", moment(at), ahead(at, now)));
        lines.extend(next);
        lines.extend(commands(job, step, "to do without it"));
    }
    lines
}

/// What an owner can do about a step, by what the API offers.
fn commands(job: Uuid, step: &StepView, skipping: &str) -> Vec<String> {
    let (offers, no) = (|name: &str| step.links.contains_key(name), step.step_no);
    let retry = offers("retry").then(|| format!("    to try it now: lethe jobs retry-step {job} {no}"));
    let skip = offers("skip").then(|| format!("    {skipping}: lethe jobs skip-step {job} {no} --reason …"));
    retry.into_iter().chain(skip).collect()
}
