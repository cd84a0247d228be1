//! The facts of a job, each with its name.

use chrono::{DateTime, Utc};
use contracts::http::{JobSummary, JobView};
use domain::job::{JobAbout, JobKind, JobNames};
use serde_json::Value;

use super::super::amount::{count, size};
use super::super::time::{ago, ahead, moment, span};
use super::erases;
use crate::watch::found_nobody;

/// The job in a few words. An API of an earlier version leaves them to us.
pub(super) fn title(job: &JobView) -> String {
    let summary = &job.summary;
    let ours = || {
        let kind = JobKind::parse(&summary.kind)?;
        Some(JobAbout::of(kind, &job.request, JobNames::default()).title().to_owned())
    };
    let told = summary.about.as_ref().map(|about| about.title.clone());
    told.or_else(ours).unwrap_or_else(|| summary.kind.clone())
}

/// Its state, with what came of it where there is more to say.
pub(super) fn state(job: &JobSummary) -> String {
    match &job.outcome {
        Some(outcome) => format!("{}, {}", job.state, outcome.replace('_', " ")),
        None => job.state.clone(),
    }
}

/// What there is to be known of a job beside its parts.
pub(super) fn facts(job: &JobView, now: DateTime<Utc>) -> Vec<(&'static str, String)> {
    let summary = &job.summary;
    let mut facts = vec![
        ("request", request(&job.request)),
        ("created", format!("{} ({})", moment(summary.created_at), ago(summary.created_at, now))),
    ];
    if let Some(about) = &summary.about {
        let names = [("label", &about.label), ("reference", &about.external_reference)];
        facts.extend(names.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))));
    }
    if let Some(at) = summary.not_before {
        facts.push(("begins", begins(&job.request, at, now)));
        if job.links.contains_key("cancel") {
            facts.push(("call off", format!("until then: lethe jobs cancel {}", summary.id)));
        }
    }
    if let Some(at) = summary.ended_at {
        facts.push(("ended", format!("{}, after {}", moment(at), span(at - summary.created_at))));
    }
    if found_nobody(summary) {
        let what = if erases(job) { "erased" } else { "exported, and there is no package" };
        facts.push(("outcome", format!("nobody was found by the identity: nothing was {what}")));
    }
    if let Some(cutoff) = job.cutoff {
        facts.push(("cutoff", moment(cutoff)));
    }
    let progress = &job.progress;
    if progress.rows_planned > 0 || progress.rows_done > 0 {
        let (done, planned) = (count(progress.rows_done), count(progress.rows_planned));
        facts.push((
            "rows",
            match erases(job) {
                true if progress.rows_done == 0 => format!("{planned} planned"),
                true => format!("{done} of {planned} erased"),
                false => format!("{done} of {planned}, {} uncompressed", size(progress.bytes_done)),
            },
        ));
    }
    if let Some(package) = &job.package {
        facts.push(("package", format!("{}, {}", package.file_name, size(package.size_bytes))));
        facts.push(("SHA-256", package.sha256.clone()));
    }
    if let Some(waits) = &job.waits_for {
        facts.push(("waits", format!("{}: {}", waits.code, waits.detail)));
    }
    if let Some(waits) = &job.messages_wait {
        facts.push(("messages", format!("have waited for {}: {}", span(now - waits.since), waits.detail)));
    }
    if let Some(failure) = &job.failure {
        facts.push(("failure", format!("{}: {}", failure.code, failure.detail)));
    }
    facts
}

/// When an erasure begins: `2026-01-08 00:00:00 UTC (in 7 days)`, and the export that it waits for besides.
pub fn begins(request: &Value, at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let begins = format!("{} ({})", moment(at), ahead(at, now));
    match request.get("after_export").and_then(Value::as_str) {
        Some(export) => format!("{begins}, and not before export {export} is complete"),
        None => begins,
    }
}

/// What was asked for, whatever the kind of job: `format json, include_media false`.
fn request(request: &Value) -> String {
    let Value::Object(members) = request else {
        return request.to_string();
    };
    members.iter().map(|(name, value)| member(name, value)).collect::<Vec<_>>().join(", ")
}

fn member(name: &str, value: &Value) -> String {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    match value {
        Value::String(text) => format!("{name} {text}"),
        Value::Object(encryption) if name == "encryption" => match encryption.get("recipients") {
            Some(Value::Array(recipients)) => format!("encrypted to {} recipients", recipients.len()),
            _ => format!("{name} {value}"),
        },
        // Their tag says nothing to anybody.
        Value::Object(_) if name == "subject" => match text(value, "identity_type") {
            Some(identity_type) => format!("one person, found by {identity_type}"),
            None => "one person".to_owned(),
        },
        Value::Object(_) if name == "deferred" => match (text(value, "job"), text(value, "hold")) {
            (Some(job), Some(hold)) => format!("what job {job} left because of hold {hold}"),
            _ => format!("{name} {value}"),
        },
        other => format!("{name} {other}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_erasure_waits_for_is_told_with_its_beginning() {
        let now: DateTime<Utc> = "2100-01-08T00:00:00Z".parse().unwrap();
        assert_eq!(begins(&json!({}), now, now), "2100-01-08 00:00:00 UTC (now)");
        let waits = begins(&json!({"after_export": "e-1"}), now, now);
        assert_eq!(waits, "2100-01-08 00:00:00 UTC (now), and not before export e-1 is complete");
    }

    #[test]
    fn a_request_says_what_was_asked_for_and_nobody_s_tag() {
        let deferred = json!({"hold": "h-1", "job": "j-1"});
        let subject = json!({"identity_type": "email", "tag": "c0ffee"});
        let text = request(&json!({"deferred": deferred, "dry_run": false, "subject": subject}));
        assert_eq!(text, "what job j-1 left because of hold h-1, dry_run false, one person, found by email");
    }
}
