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

/// Why a step was skipped, or has not succeeded and what comes next.
fn remarks(job: Uuid, step: &StepView, now: DateTime<Utc>) -> Vec<String> {
    let about = step.collection.as_deref().unwrap_or("the job");
    let name = format!("step {} ({} of {about})", step.step_no, step.kind);
    if let Some(reason) = &step.skip_reason {
        return vec![format!("○ {name} was skipped: {reason}")];
    }
    let Some(failure) = &step.failure else {
        return Vec::new();
    };
    let attempts = of(usize::try_from(step.attempts).unwrap_or(0), "attempt");
    let mut lines = vec![format!("✗ {name}, {attempts}: {}", failure.detail)];
    if let Some(at) = step.not_before {
        lines.push(format!("    tried next at {} ({})", moment(at), ahead(at, now)));
    }
    if step.links.contains_key("retry") {
        lines.push(format!("    to try it now: lethe jobs retry-step {job} {}", step.step_no));
    }
    if step.links.contains_key("skip") {
        lines.push(format!("    to do without it: lethe jobs skip-step {job} {} --reason …", step.step_no));
    }
    lines
}
