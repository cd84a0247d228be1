//! `lethe jobs`

use serde_json::json;

use crate::support::api::{path, problem};
use crate::support::{Answer, FakeApi, JOB, job};

#[tokio::test]
async fn jobs_are_listed_page_by_page() {
    let api = FakeApi::start(|asked, _| {
        let mut summary = job("failed", json!({}));
        summary.as_object_mut().unwrap().retain(|name, _| !["steps", "timeline"].contains(&name.as_str()));
        let next = (!asked.path.contains("cursor=")).then_some("c&1");
        Answer::json(200, &json!({"jobs": vec![summary; 2], "next_cursor": next}))
    })
    .await;
    let run = api.lethe(&["jobs", "list", "--state", "failed", "--limit", "3"]).run().await.ended_with(0);
    assert_eq!(run.out.lines().count(), 4, "{}", run.out);
    assert!(run.out.starts_with("ID "), "{}", run.out);
    let asked: Vec<String> = api.0.asked().iter().map(|asked| asked.line()).collect();
    let expected = ["jobs?state=failed&limit=3", "jobs?state=failed&limit=1&cursor=c%261"];
    assert_eq!(asked, expected.map(|rest| format!("GET {}", path(rest))));
    let document = api.lethe(&["jobs", "list", "--json", "--limit", "2"]).run().await.ended_with(0).json();
    assert_eq!(document["jobs"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_job_is_shown_with_its_history() {
    let api = FakeApi::start(|_, _| Answer::json(200, &job("running", json!({})))).await;
    let run = api.lethe(&["jobs", "show", JOB]).run().await.ended_with(0);
    for text in [JOB, "running", "shop.orders", "50 of 100", "50 %", "job.created, by owner-1"] {
        assert!(run.out.contains(text), "{text} in:\n{}", run.out);
    }
    assert_eq!(api.lethe(&["--json", "jobs", "show", JOB]).run().await.ended_with(0).json()["id"], JOB);
}

#[tokio::test]
async fn watching_a_job_that_fails_ends_with_3() {
    let api = FakeApi::start(|asked, number| match number {
        // An API that tells of no events is asked again and again.
        _ if asked.path.ends_with("/events") => Answer::status(404),
        0 => Answer::json(
            200,
            &job(
                "pending",
                json!({"progress": {
            "rows_done": 0, "rows_planned": 0, "bytes_done": 0, "collections": []}}),
            ),
        )
        .header("etag", "\"v1\""),
        1 => Answer::status(304).header("etag", "\"v1\""),
        2 => Answer::json(200, &job("running", json!({}))),
        _ => Answer::json(
            200,
            &job("failed", json!({"failure": {"code": "store", "detail": "the store is gone"}})),
        ),
    })
    .await;
    let run = api.lethe(&["jobs", "show", JOB, "--watch"]).run().await.ended_with(3);
    assert_eq!(
        run.err,
        "pending\nrunning: 50 of 100 rows (50 %), 2.00 KiB\nfailed: 50 of 100 rows (50 %), 2.00 KiB\n"
    );
    assert!(run.out.contains("the store is gone"), "{}", run.out);
    let look = format!("GET {}", path(&format!("jobs/{JOB}")));
    let asked = api.0.asked();
    let looks = asked.iter().filter(|asked| asked.line() == look);
    let known: Vec<_> = looks.map(|asked| asked.header("if-none-match")).collect();
    assert_eq!(known, [None, Some("\"v1\""), Some("\"v1\""), None]);
}

#[tokio::test]
async fn jobs_are_called_off_and_tried_again() {
    let api = FakeApi::start(|asked, _| match asked.method.as_str() {
        "POST" => Answer::json(202, &json!({})),
        _ => Answer::json(200, &job("cancelled", json!({}))),
    })
    .await;
    for action in ["cancel", "retry"] {
        let run = api.lethe(&["jobs", action, JOB]).run().await.ended_with(0);
        assert!(run.out.contains("cancelled"), "{}", run.out);
        assert_eq!(api.0.times(&format!("POST {}", path(&format!("jobs/{JOB}/{action}")))), 1);
    }
}

#[tokio::test]
async fn a_refusal_is_shown_as_the_api_words_it() {
    let more = json!({"errors": [{"pointer": "limit", "detail": "expected 1 to 200\u{1b}[31m"}]});
    let api = FakeApi::start(move |_, _| problem(400, "invalid parameters", more.clone())).await;
    let run = api.lethe(&["jobs", "list"]).run().await.ended_with(1);
    let expected = "error: invalid parameters (400)\n  this is why\n  limit: expected 1 to 200\u{fffd}[31m\n  request r-77\n";
    assert_eq!(run.err, expected);
    let document = api.lethe(&["jobs", "list", "--json"]).run().await.ended_with(1).json();
    assert_eq!(document["error"]["problem"]["request_id"], "r-77");
}

#[tokio::test]
async fn without_a_token_or_with_a_wrong_one_it_says_how_to_get_one() {
    let api = FakeApi::start(|_, _| Answer::status(204)).await;
    let none = api.lethe(&["jobs", "list"]).env("LETHE_TOKEN", "").run().await.ended_with(2);
    assert!(none.err.contains("token"), "{}", none.err);
    let wrong = api.lethe(&["jobs", "list"]).env("LETHE_TOKEN", "wrong").run().await.ended_with(1);
    assert!(
        wrong.err.contains("not authenticated (401)") && wrong.err.contains("lethe token"),
        "{}",
        wrong.err
    );
}

#[tokio::test]
async fn an_api_that_is_no_api_is_told() {
    let api = FakeApi::start(|_, _| Answer::bytes(200, b"<html>")).await;
    let run = api.lethe(&["jobs", "list"]).run().await.ended_with(1);
    assert!(run.err.contains("a page of jobs was expected"), "{}", run.err);
    let proxy = FakeApi::start(|_, _| Answer::bytes(502, b"<html>")).await;
    let run = proxy.lethe(&["jobs", "list"]).run().await.ended_with(1);
    assert!(run.err.contains("answers 502"), "{}", run.err);
    let nobody = api.lethe(&["jobs", "list", "--api", "http://127.0.0.1:1"]).run().await.ended_with(1);
    assert!(nobody.err.contains("no answer from http://127.0.0.1:1"), "{}", nobody.err);
}
