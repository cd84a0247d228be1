//! `lethe audit`

use serde_json::json;

use crate::support::api::path;
use crate::support::{Answer, FakeApi, JOB};

#[tokio::test]
async fn entries_are_listed() {
    let api = FakeApi::start(|_, _| {
        Answer::json(
            200,
            &json!({"next_cursor": null, "entries": [{
                "seq": 12, "event_id": JOB, "action": "job.created", "outcome": "success", "actor": "owner-1",
                "actor_role": "owner", "job_id": JOB, "job_version": 1, "step_no": null, "trace_id": null,
                "occurred_at": "2026-11-21T10:00:00Z", "recorded_at": "2026-11-21T10:00:01Z",
            }]}),
        )
    })
    .await;
    let run = api.lethe(&["audit", "--job", JOB, "--limit", "5"]).run().await.ended_with(0);
    let line = format!(
        "12   2026-11-21 10:00:00 UTC  job.created  success  {JOB}  -     1        -     -     -      owner-1 (owner)"
    );
    assert_eq!(run.out.lines().nth(1), Some(line.as_str()), "{}", run.out);
    assert_eq!(api.0.times(&format!("GET {}", path(&format!("audit?job={JOB}&limit=5")))), 1);
    let document = api.lethe(&["audit", "--json"]).run().await.ended_with(0).json();
    assert_eq!(document["entries"][0]["seq"], 12);
}

#[tokio::test]
async fn an_empty_log_is_said() {
    let api = FakeApi::start(|_, _| Answer::json(200, &json!({"next_cursor": null, "entries": []}))).await;
    assert_eq!(api.lethe(&["audit"]).run().await.ended_with(0).out, "no entries\n");
}

#[tokio::test]
async fn why_a_step_was_skipped_which_hold_was_placed_and_what_became_of_media_is_said() {
    let entry = |action: &str, more: serde_json::Value| {
        let mut entry = json!({
            "seq": 12, "event_id": JOB, "action": action, "outcome": "success", "actor": "owner-1",
            "actor_role": "owner", "job_id": null, "job_version": null, "step_no": null, "trace_id": null,
            "occurred_at": "2026-11-21T10:00:00Z", "recorded_at": "2026-11-21T10:00:01Z",
        });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    let entries = [
        entry("step.skipped", json!({"job_id": JOB, "step_no": 3, "reason": "tokens_expired"})),
        entry("hold.placed", json!({"hold_id": JOB})),
        entry("step.completed", json!({"job_id": JOB, "step_no": 4, "media": {"objects": 41, "outside": 6}})),
    ];
    let page = json!({"next_cursor": null, "entries": entries});
    let api = FakeApi::start(move |_, _| Answer::json(200, &page)).await;
    let run = api.lethe(&["audit"]).run().await.ended_with(0);
    assert!(run.out.contains("step.skipped (tokens_expired)"), "{}", run.out);
    assert!(run.out.contains(&format!("hold {JOB}")), "{}", run.out);
    assert!(run.out.contains("  41 deleted, 6 outside  "), "{}", run.out);
}

#[tokio::test]
async fn what_a_job_is_and_what_came_of_it_is_said() {
    let entry = json!({
        "seq": 12, "event_id": JOB, "action": "job.completed", "outcome": "nobody_found", "actor": "export-worker",
        "actor_role": "service", "job_id": JOB, "job_version": 4, "step_no": null, "trace_id": null,
        "occurred_at": "2026-11-21T10:00:00Z", "recorded_at": "2026-11-21T10:00:01Z",
        "about": {"title": "export of one person", "kind": "export", "whose": "person", "dry_run": false,
            "scope": {"identity_type": "email", "media": false}, "label": "web form", "external_reference": "DSR-7"},
    });
    let page = json!({"next_cursor": null, "entries": [entry]});
    let api = FakeApi::start(move |_, _| Answer::json(200, &page)).await;
    let run = api.lethe(&["audit"]).run().await.ended_with(0);
    assert!(run.out.contains("nobody_found"), "{}", run.out);
    assert!(run.out.contains("export of one person, web form, DSR-7"), "{}", run.out);
}
