use chrono::TimeDelta;
use serde_json::json;

use super::*;

fn view(state: &str) -> JobView {
    let at = |millis: i64| json!(DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis));
    let entry = |version: i64, action: &str, outcome: &str, step: Option<i32>, millis: i64| {
        json!({"version": version, "action": action, "outcome": outcome, "step_no": step, "actor": "export-worker",
            "occurred_at": at(millis)})
    };
    let ended = ["completed", "failed"].contains(&state);
    let mut timeline = vec![
        json!({"version": 1, "action": "job.created", "outcome": "success", "step_no": null, "actor": "owner-1",
            "occurred_at": at(0)}),
        entry(2, "job.started", "success", None, 40),
    ];
    timeline
        .extend((1..=5).map(|step| entry(2 + i64::from(step), "step.completed", "success", Some(step), 900)));
    timeline.push(entry(8, "step.retrying", "failure", Some(6), 1_500));
    serde_json::from_value(json!({
        "id": "00000000-0000-0000-0000-000000000007", "kind": "export", "state": state, "status": "in_progress",
        "version": 8, "created_at": at(0), "updated_at": at(1_500), "ended_at": ended.then(|| at(4_100)),
        "request": {"format": "json", "include_media": false}, "cutoff": at(30), "failure": null,
        "progress": {"rows_done": 1_500, "rows_planned": 2_000, "bytes_done": 1_258_291, "collections": [
            {"collection": "vantage.users", "rows_done": 500, "rows_planned": 500, "bytes_done": 2_048},
            {"collection": "vantage.messages", "rows_done": 1_000, "rows_planned": 1_500, "bytes_done": 1_256_243},
        ]},
        "steps": [
            {"step_no": 1, "phase": 0, "kind": "plan_export", "collection": null, "state": "completed", "attempts": 1,
                "failure": null, "started_at": at(40), "ended_at": at(90)},
            {"step_no": 6, "phase": 1, "kind": "export_collection", "collection": "vantage.messages",
                "state": "waiting", "attempts": 2, "failure": {"code": "store", "detail": "the store hung up"},
                "started_at": at(40), "ended_at": null},
        ],
        "timeline": timeline, "package": null, "links": {"self": "/x", "cancel": "/x/cancel"},
    }))
    .unwrap()
}

#[test]
fn messages_that_wait_are_told_with_how_long_they_have() {
    let mut job = view("pending");
    let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(130);
    assert!(!super::job(&job, now).contains("\n  messages "));
    let since = now - TimeDelta::seconds(90);
    job.messages_wait = Some(contracts::http::MessagesWaitView { since, detail: "look there".to_owned() });
    let text = super::job(&job, now);
    assert!(text.contains("\n  messages  have waited for 1 min 30 s: look there\n"), "{text}");
}

#[test]
fn a_running_job_shows_progress_and_history() {
    let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(130);
    let expected = "\
export of the organisation 00000000-0000-0000-0000-000000000007  running

  request   format json, include_media false
  created   1970-01-01 00:00:00 UTC (2 min ago)
  cutoff    1970-01-01 00:00:00 UTC
  rows      1,500 of 2,000, 1.20 MiB uncompressed

collections
  COLLECTION        DONE                         ROWS            SIZE
  vantage.users     100 %  ████████████████████  500             2.00 KiB
  vantage.messages  66 %   █████████████░░░░░░░  1,000 of 1,500  1.20 MiB

steps
  1 completed, 1 waiting
  ✗ step 6 (export_collection of vantage.messages), 2 attempts: the store hung up

timeline
  ● +0 ms        job.created, by owner-1
  │
  ● +40 ms       job.started, by export-worker
  │
  ● +900 ms      step.completed (5 times), by export-worker
  │
  ✗ +1.5 s       step.retrying, step 6, by export-worker

next: lethe jobs show 00000000-0000-0000-0000-000000000007 --watch
";
    assert_eq!(job(&view("running"), now), expected);
}

#[test]
fn what_became_of_media_is_shown() {
    let mut erased = view("completed");
    erased.media = serde_json::from_value(json!([
        {"step_no": 3, "collection": "vantage.media_assets", "objects": 41, "versions": 47, "outside": 6},
    ]))
    .unwrap();
    let shown = job(&erased, DateTime::UNIX_EPOCH);
    let expected = "
media
  COLLECTION            DELETED  VERSIONS  MARKERS  MISSING  OUTSIDE  LOCKED  IMPOSSIBLE
  vantage.media_assets  41       47        0        0        6        0       0

timeline
";
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn packages_that_outlive_an_erasure_are_shown_with_their_end() {
    let mut erased = view("completed");
    erased.outlived_by = serde_json::from_value(json!([
        {"job": "00000000-0000-0000-0000-000000000009", "created_at": "1970-01-01T00:00:00Z",
         "expires_at": "1970-01-01T02:00:00Z"},
    ]))
    .unwrap();
    let shown = job(&erased, DateTime::UNIX_EPOCH);
    assert!(shown.contains("\npackages that may hold what was erased\n  OF EXPORT "), "{shown}");
    assert!(shown.contains("\n  00000000-0000-0000-0000-000000000009  2 h"), "{shown}");
}

#[test]
fn the_next_command_follows_from_what_the_api_offers() {
    let mut done = view("completed");
    assert_eq!(next(&done), None);
    done.links.insert("retry".into(), "/x/retry".into());
    assert_eq!(next(&done).unwrap(), format!("lethe jobs retry {}", done.summary.id));
    done.links.insert("download".into(), "/x/download".into());
    done.package = serde_json::from_value(json!({
        "file_name": "export.zip", "size_bytes": 10, "sha256": "ab", "created_at": done.summary.created_at,
    }))
    .ok();
    assert_eq!(next(&done).unwrap(), format!("lethe download {}", done.summary.id));
}

#[test]
fn jobs_are_listed_in_columns() {
    let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(10);
    let summaries = [view("completed").summary, view("running").summary];
    let expected = "\
ID                                    WHAT    STATE      CREATED   TOOK   LABEL  REFERENCE
00000000-0000-0000-0000-000000000007  export  completed  10 s ago  4.1 s  -      -
00000000-0000-0000-0000-000000000007  export  running    10 s ago  -      -      -
";
    assert_eq!(jobs(&summaries, now), expected);
    assert_eq!(jobs(&[], now), "no jobs\n");
}

#[test]
fn a_plan_is_called_one_and_nobody_found_is_told() {
    let mut planned = view("completed");
    planned.summary.kind = "erasure".to_owned();
    planned.request = json!({"dry_run": true, "subject": {"identity_type": "email", "tag": "c0ffee"}});
    planned.summary.outcome = Some("nobody_found".to_owned());
    let shown = job(&planned, DateTime::UNIX_EPOCH);
    let id = planned.summary.id;
    let head = format!("plan for an erasure of one person {id}  completed, nobody found\n");
    assert!(shown.starts_with(&head), "{shown}");
    assert!(shown.contains("outcome   nobody was found by the identity: nothing was erased"), "{shown}");
    planned.summary.about = serde_json::from_value(json!({
        "title": "plan for an erasure of one person", "kind": "erasure", "whose": "person", "dry_run": true,
        "scope": {"identity_type": "email", "media": false}, "external_reference": "DSR-7",
    }))
    .ok();
    assert!(job(&planned, DateTime::UNIX_EPOCH).contains("reference DSR-7"), "{shown}");
    let listed = jobs(&[planned.summary], DateTime::UNIX_EPOCH);
    for text in ["plan for an erasure of one person", "completed, nobody found", "DSR-7"] {
        assert!(listed.contains(text), "{listed}");
    }
}
