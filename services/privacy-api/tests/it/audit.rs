//! `GET /audit`.

use insta::assert_snapshot;

use crate::support::{Answer, TestApp};

async fn list(app: &TestApp, role: &str, query: &str) -> Answer {
    app.call("GET", &format!("/api/v1/privacy/audit{query}")).token(&app.token("acme", role)).send().await
}

fn numbers(answer: &Answer) -> Vec<i64> {
    let page = answer.json();
    page["entries"].as_array().unwrap().iter().map(|entry| entry["seq"].as_i64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_the_organisations_part_of_the_log_newest_first() {
    let app = TestApp::start().await;
    let (ours, theirs) = (app.export("acme", "json").await, app.export("other", "json").await);
    app.audit_rows("acme", &ours, 1, 25).await;
    app.audit_rows("other", &theirs, 26, 5).await;
    app.audit_rows("acme", &ours, 31, 10).await;
    let mut seen = Vec::new();
    let mut query = "?limit=8".to_owned();
    loop {
        let answer = list(&app, "auditor", &query).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        seen.extend(numbers(&answer));
        let Some(cursor) = answer.json()["next_cursor"].as_str().map(str::to_owned) else {
            break;
        };
        query = format!("?limit=8&cursor={cursor}");
        assert!(answer.header("link").contains(&query));
    }
    let expected: Vec<i64> = (31..=40).rev().chain((1..=25).rev()).collect();
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_narrow_the_log() {
    let app = TestApp::start().await;
    let (first, second) = (app.export("acme", "json").await, app.export("acme", "csv").await);
    app.audit_rows("acme", &first, 1, 4).await;
    app.audit_rows("acme", &second, 5, 4).await;
    assert_eq!(numbers(&list(&app, "owner", &format!("?job={second}")).await), [8, 7, 6, 5]);
    assert_eq!(numbers(&list(&app, "owner", "?action=step.completed").await), [8, 6, 4, 2]);
    let both = format!("?job={first}&action=step.completed&limit=1");
    let page = list(&app, "owner", &both).await;
    assert_eq!(numbers(&page), [4]);
    let cursor = page.json()["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(numbers(&list(&app, "owner", &format!("{both}&cursor={cursor}")).await), [2]);
    assert_eq!(list(&app, "owner", &format!("?job={second}&cursor={cursor}")).await.status, 404);
    // A cursor of another list is none of this one.
    let jobs = app.owner("acme", "GET", "/jobs?limit=1").send().await.json();
    let foreign = list(&app, "owner", &format!("?cursor={}", jobs["next_cursor"].as_str().unwrap())).await;
    assert_eq!(foreign.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_are_wrong_are_named() {
    let app = TestApp::start().await;
    let answer = list(&app, "owner", "?job=1&action=job.made&limit=x").await;
    assert_snapshot!(answer.problem(), @"400 invalid-parameters: parameters of the query are wrong; see `errors` [limit: expected a whole number from 1 to 200] [job: expected a job's id] [action: expected one of job.created, job.started, step.completed, step.retrying, step.failed, job.verifying, job.completed, job.failed, job.cancelled, job.retried, job.expired, job.released, job.on_hold, job.resumed, step.retried, step.skipped, hold.placed, hold.released, link.issued, package.downloaded]");
}
