//! `GET /jobs` and `GET /jobs/{id}`.

use std::collections::HashSet;

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Answer, TestApp};

async fn list(app: &TestApp, query: &str) -> Answer {
    app.owner("acme", "GET", &format!("/jobs{query}")).send().await
}

fn ids(answer: &Answer) -> Vec<String> {
    let page = answer.json();
    page["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

/// Jobs that have all been cancelled at once, some of them within one microsecond.
async fn many(app: &TestApp, organisation: &str, count: i64) {
    let insert = format!(
        "BEGIN; SET LOCAL session_replication_role = replica;
         INSERT INTO privacy_jobs (id, organisation_id, kind, state, request, requested_by, requested_role, created_at, ended_at)
         SELECT gen_random_uuid(), '{organisation}', 'export', CASE WHEN n % 3 = 0 THEN 'completed' ELSE 'cancelled' END,
             '{{}}', 'x', 'owner', timestamptz '2026-01-01' + (n / 4) * interval '1 microsecond', clock_timestamp()
         FROM generate_series(1, {count}) n; COMMIT"
    );
    app.database.admin.batch_execute(&insert).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_every_job_once_newest_first() {
    let app = TestApp::start().await;
    many(&app, "acme", 103).await;
    many(&app, "other", 20).await;
    for limit in [1_usize, 7, 103, 200] {
        let mut seen = Vec::new();
        let mut next = Some(format!("?limit={limit}"));
        while let Some(query) = next {
            let answer = list(&app, &query).await;
            let page = answer.json();
            let found = ids(&answer);
            assert!(found.len() <= limit);
            seen.extend(found);
            next = page["next_cursor"].as_str().map(|cursor| {
                let link = answer.header("link");
                let path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
                assert!(path.contains(cursor));
                path.strip_prefix("/api/v1/privacy/jobs").unwrap().to_owned()
            });
            assert_eq!(next.is_none(), answer.header("link").is_empty());
        }
        assert_eq!(seen.len(), 103, "limit {limit}");
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 103);
    }
    assert_eq!(ids(&list(&app, "").await).len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_comes_between_two_pages_disturbs_neither() {
    let app = TestApp::start().await;
    many(&app, "acme", 10).await;
    let first = list(&app, "?limit=5").await;
    let new = app.export("acme", "json").await;
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    let second = ids(&list(&app, &format!("?limit=5&cursor={cursor}")).await);
    let all: HashSet<String> = ids(&first).into_iter().chain(second).collect();
    assert!(all.len() == 10 && !all.contains(&new));
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_narrow_the_list_and_belong_to_its_cursor() {
    let app = TestApp::start().await;
    many(&app, "acme", 30).await;
    let completed = list(&app, "?state=completed&kind=export&limit=4").await;
    assert_eq!(ids(&completed).len(), 4);
    assert!(completed.header("link").contains("state=completed&kind=export"));
    assert_eq!(ids(&list(&app, "?state=completed").await).len(), 10);
    assert_eq!(ids(&list(&app, "?state=running").await).len(), 0);
    let cursor = completed.json()["next_cursor"].as_str().unwrap().to_owned();
    let elsewhere = list(&app, &format!("?state=cancelled&kind=export&cursor={cursor}")).await;
    assert_snapshot!(elsewhere.problem(), @"404 no-such-page: the cursor is not one of this list with these filters; begin anew without it");
    let other =
        app.owner("other", "GET", &format!("/jobs?state=completed&kind=export&cursor={cursor}")).send().await;
    assert_eq!(other.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_are_wrong_are_named() {
    let app = TestApp::start().await;
    let wrong = async |query: &str| list(&app, query).await.problem();
    assert_snapshot!(wrong("?limit=0").await, @"400 invalid-parameters: parameters of the query are wrong; see `errors` [limit: expected a whole number from 1 to 200]");
    assert_snapshot!(wrong("?limit=201").await, @"400 invalid-parameters: parameters of the query are wrong; see `errors` [limit: expected a whole number from 1 to 200]");
    assert_snapshot!(wrong("?cursor=x").await, @"404 no-such-page: the cursor is not one of this list with these filters; begin anew without it");
    assert_snapshot!(wrong("?state=done&kind=import&page=2").await, @"400 invalid-parameters: parameters of the query are wrong; see `errors` [state: expected one of awaiting_approval, scheduled, pending, running, retrying, on_hold, verifying, completed, failed, cancelled, expired] [kind: expected one of export, erasure] [page: there is no such parameter]");
    assert_snapshot!(wrong("?limit=1&limit=1").await, @"400 invalid-parameters: parameters of the query are wrong; see `errors` [limit: give this parameter once]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_shown_with_progress_steps_timeline_and_what_can_be_done() {
    let app = TestApp::start().await;
    let job = app.export("acme", "both").await;
    app.audit_rows("acme", &job, 1, 3).await;
    let insert = format!(
        "INSERT INTO job_progress (job_id, collection, organisation_id, position, rows_planned, rows_done, bytes_done) VALUES
         ('{job}', 'app.users', 'acme', 0, 10, 4, 400), ('{job}', 'app.messages', 'acme', 1, 90, 6, 600)"
    );
    app.database.admin.batch_execute(&insert).await.unwrap();
    let shown = app.owner("acme", "GET", &format!("/jobs/{job}")).send().await.json();
    assert_eq!(shown["progress"]["rows_done"], 10);
    assert_eq!(shown["progress"]["rows_planned"], 100);
    assert_eq!(shown["progress"]["collections"][1]["collection"], "app.messages");
    assert_eq!(shown["progress"]["collections"][1]["bytes_done"], 600);
    assert_eq!(shown["steps"][0]["kind"], "plan_export");
    let actions: Vec<&str> =
        shown["timeline"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["job.created", "job.started", "step.completed", "job.started"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_only_where_the_caller_may_go() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    let links = async |role: &str| {
        let call = app.call("GET", &format!("/api/v1/privacy/jobs/{job}")).token(&app.token("acme", role));
        let shown = call.send().await.json();
        let names: Vec<String> = shown["links"].as_object().unwrap().keys().cloned().collect();
        names.join(" ")
    };
    for (state, expected) in [
        ("pending", "cancel self"),
        ("running", "cancel self"),
        ("retrying", "cancel self"),
        ("on_hold", "cancel self"),
        ("scheduled", "cancel self"),
        ("awaiting_approval", "cancel self"),
        ("verifying", "cancel self"),
        ("failed", "retry self"),
        ("cancelled", "self"),
        ("expired", "self"),
        ("completed", "self"),
    ] {
        app.set_state(&job, state).await;
        assert_eq!(links("owner").await, expected, "{state}");
        assert_eq!(links("auditor").await, "self", "{state}");
    }
    app.complete("acme", &job, b"content").await;
    assert_eq!(links("owner").await, "download self");
    assert_eq!(links("privacy_officer").await, "self");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_job_is_not_sent_again() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    let call = || app.owner("acme", "GET", &format!("/jobs/{job}"));
    let first = call().send().await;
    let tag = first.header("etag").to_owned();
    assert!(tag.len() > 10 && first.status == 200);
    for same in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let again = call().header("if-none-match", &same).send().await;
        assert_eq!((again.status, again.bytes.len(), again.header("etag")), (304, 0, tag.as_str()));
    }
    app.set_state(&job, "running").await;
    assert_eq!(call().header("if-none-match", &tag).send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_does_not_exist_is_not_found() {
    let app = TestApp::start().await;
    for id in ["00000000-0000-0000-0000-000000000000", "1", "%00", "a%2Fb", "..."] {
        let answer = app.owner("acme", "GET", &format!("/jobs/{id}")).send().await;
        assert_eq!(answer.problem(), "404 no-such-job: the organisation has no job of this id");
        assert_eq!(answer.json()["instance"], json!(format!("/api/v1/privacy/jobs/{id}")));
    }
}
