//! Watching a job by its events, and by asking where there are none.

use serde_json::{Value, json};

use crate::support::api::path;
use crate::support::{Answer, FakeApi, JOB, erasure, job};

const COLLECTION: &str = "shop.orders";

fn progress(done: i64) -> Value {
    json!({"state": "running", "status": "in_progress", "version": 2, "rows_done": done, "rows_planned": 100,
        "bytes_done": 2048, "rows_per_second": 25, "bytes_per_second": 512, "estimated_end_at": null,
        "collections": [{"collection": COLLECTION, "rows_done": done, "rows_planned": 100, "bytes_done": 2048}]})
}

fn event(name: &str, id: &str, data: &Value) -> String {
    format!("event: {name}\r\nid: {id}\r\ndata: {data}\r\n\r\n")
}

fn events(text: &str) -> Answer {
    Answer::bytes(200, text.as_bytes()).header("content-type", "text/event-stream; charset=utf-8")
}

fn stream() -> String {
    format!("GET {}", path(&format!("jobs/{JOB}/events")))
}

fn look() -> String {
    format!("GET {}", path(&format!("jobs/{JOB}")))
}

#[tokio::test]
async fn a_job_is_followed_over_lost_connections_and_looked_at_for_its_kind_and_its_end() {
    let api = FakeApi::start(|asked, number| match (asked.path.ends_with("/events"), number) {
        (true, 0) => events(&format!(": hello\n\nretry: 1\n\n{}", event("progress", "2.1", &progress(50)))),
        (true, 1) => Answer::status(200).header("content-type", "text/event-stream").cut_after(0),
        (true, _) => {
            let change = json!({"version": 3, "action": "job.completed"});
            let end = event("change", "3.0", &change) + &event("end", "3.1", &json!({"state": "completed"}));
            // What comes behind the end is not waited for.
            let cut = end.len();
            events(&(end + "never")).cut_after(cut)
        }
        (false, _) => Answer::json(200, &job("completed", json!({}))),
    })
    .await;
    let run = api.lethe(&["jobs", "show", JOB, "--watch"]).run().await.ended_with(0);
    assert!(
        run.err.starts_with("running: 50 of 100 rows (50 %), 2.00 KiB, 25 rows/s  512 B/s\n"),
        "{}",
        run.err
    );
    assert!(run.err.ends_with("completed: 50 of 100 rows (50 %), 2.00 KiB\n"), "{}", run.err);
    assert!(run.out.contains("completed"), "{}", run.out);
    assert_eq!(api.0.times(&look()), 2);
    let asked = api.0.asked();
    let known: Vec<_> = asked
        .iter()
        .filter(|asked| asked.line() == stream())
        .map(|asked| asked.header("last-event-id"))
        .collect();
    assert_eq!(known[..3], [None, Some("2.1"), Some("2.1")]);
    assert!(asked.iter().all(|asked| asked.header("authorization").is_some()));
}

#[tokio::test]
async fn where_no_stream_is_to_be_had_the_job_is_asked_for() {
    let answers = [
        Answer::status(404),
        Answer::status(405),
        Answer::status(429).header("retry-after", "5"),
        Answer::status(503),
        Answer::json(200, &json!({"not": "a stream"})),
    ];
    for answer in answers {
        let api = FakeApi::start(move |asked, number| match (asked.path.ends_with("/events"), number) {
            (true, _) => answer.clone(),
            (false, 0) => Answer::json(200, &job("running", json!({}))),
            (false, _) => Answer::json(200, &job("failed", json!({}))),
        })
        .await;
        let run = api.lethe(&["jobs", "show", JOB, "--watch"]).run().await.ended_with(3);
        assert!(run.err.contains("running: 50 of 100 rows"), "{}", run.err);
        assert_eq!((api.0.times(&stream()), api.0.times(&look())), (1, 2));
    }
}

#[tokio::test]
async fn programs_get_the_job_and_nothing_of_its_way() {
    let api = FakeApi::start(|asked, _| match asked.path.rsplit('/').next() {
        Some("export") => Answer::status(202).header("location", path(&format!("jobs/{JOB}"))),
        Some("events") => {
            events(&(event("progress", "2.1", &progress(7)) + &event("end", "3.0", &json!({}))))
        }
        _ => Answer::json(200, &job("completed", json!({}))),
    })
    .await;
    let run = api.lethe(&["export", "--wait", "--json"]).run().await.ended_with(0);
    assert_eq!((run.json()["state"].as_str(), run.err.as_str()), (Some("completed"), ""));
    assert_eq!((api.0.times(&stream()), api.0.times(&look())), (1, 1));
}

#[tokio::test]
async fn a_job_that_is_not_there_is_said_so() {
    let api = FakeApi::start(|_, _| crate::support::api::problem(404, "no such job", json!({}))).await;
    let run = api.lethe(&["jobs", "show", JOB, "--watch"]).run().await.ended_with(1);
    assert!(run.err.contains("no such job (404)"), "{}", run.err);
}

#[tokio::test]
async fn rows_of_an_erasure_are_said_to_be_erased() {
    for stream in [true, false] {
        let api = FakeApi::start(move |asked, number| match (asked.path.ends_with("/events"), number) {
            (true, _) if stream => {
                events(&(event("progress", "2.1", &progress(50)) + &event("end", "3.0", &json!({}))))
            }
            (true, _) => Answer::status(404),
            (false, 0) => Answer::json(200, &erasure("running", json!({}))),
            (false, _) => Answer::json(200, &erasure("completed", json!({}))),
        })
        .await;
        let run = api.lethe(&["jobs", "show", JOB, "--watch"]).run().await.ended_with(0);
        let rate = if stream { ", 25 rows/s" } else { "" };
        let first = format!("running: 50 of 100 rows erased (50 %){rate}\n");
        assert!(run.err.starts_with(&first), "{}", run.err);
        assert!(run.out.contains("  rows      50 of 100 erased\n"), "{}", run.out);
        assert!(run.out.contains("ERASED\n") && !run.out.contains("KiB"), "{}", run.out);
    }
}
