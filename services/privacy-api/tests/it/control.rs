//! `POST /jobs/{id}/cancel` and `/retry`.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Answer, TestApp};

async fn post(app: &TestApp, job: &str, action: &str) -> Answer {
    app.owner("acme", "POST", &format!("/jobs/{job}/{action}")).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled_once() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    let answer = post(&app, &job, "cancel").await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("location"), format!("/api/v1/privacy/jobs/{job}"));
    let shown = answer.json();
    assert_eq!((shown["state"].as_str(), shown["version"].as_i64()), (Some("cancelled"), Some(2)));
    assert_eq!(shown["steps"][0]["state"], "cancelled");
    assert_eq!(app.events("job_cancelled").await, 1);
    let again = post(&app, &job, "cancel").await;
    assert_snapshot!(again.problem(), @"409 wrong-state: a job that is cancelled cannot be cancelled");
    assert_eq!(app.events("job_cancelled").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_is_tried_again() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    let early = post(&app, &job, "retry").await;
    assert_snapshot!(early.problem(), @"409 wrong-state: a job that is pending cannot be retried");
    app.fail(&job).await;
    let failed = app.owner("acme", "GET", &format!("/jobs/{job}")).send().await.json();
    assert_eq!(failed["failure"]["code"], "store_unreachable");
    let answer = post(&app, &job, "retry").await;
    let shown = answer.json();
    assert_eq!((answer.status, shown["state"].as_str()), (202, Some("pending")));
    assert_eq!(shown["steps"][0]["state"], "due");
    assert_eq!(app.events("job_retried").await, 1);
    assert_eq!(app.database.count("outbox WHERE kind = 'step.due'").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_is_being_planned_is_called_off() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let job = app.erasure("acme", "Acme & Søn", r#","grace_period_days":0"#).await;
    app.is_being_planned(&job).await;
    let shown = app.owner("acme", "GET", &format!("/jobs/{job}")).send().await.json();
    assert_eq!(shown["links"]["cancel"], format!("/api/v1/privacy/jobs/{job}/cancel"));
    let answer = post(&app, &job, "cancel").await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_left_something_is_tried_again_by_a_further_pass() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let job = app.erasure("acme", "Acme & Søn", r#","grace_period_days":0"#).await;
    app.planned(&job, &json!({})).await;
    app.left_something("acme", &job).await;
    let shown = app.owner("acme", "GET", &format!("/jobs/{job}")).send().await.json();
    assert_eq!(shown["links"]["retry"], format!("/api/v1/privacy/jobs/{job}/retry"));
    let answer = post(&app, &job, "retry").await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let shown = answer.json();
    let told: Vec<String> = shown["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            format!("{} {} {} {}", step["step_no"], step["kind"], step["state"], step["pass"])
                .replace('"', "")
        })
        .collect();
    let expected = [
        "1 soft_delete completed null",
        "2 plan_erasure completed null",
        "9 verify_erasure failed null",
        "10 plan_erasure due 2",
    ];
    assert_eq!(told, expected);
    assert_eq!((&shown["state"], shown["links"].get("cancel")), (&json!("pending"), None));
    assert_snapshot!(post(&app, &job, "cancel").await.problem(), @"409 wrong-state: a job that is pending after it has begun cannot be cancelled");
    assert_eq!(app.events("job_retried").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_on_hold_says_what_it_waits_for_and_goes_on_after_a_release() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let body = json!({"scope": {"organisation": true}, "ground": "legal_claims", "owner": "legal department",
        "review_on": "2999-01-31"});
    let hold = app.owner("acme", "POST", "/holds").json(&body.to_string()).send().await.job();
    let job = app.erasure("acme", "Acme & Søn", r#","grace_period_days":0"#).await;
    app.on_hold("acme", &job).await;
    let show = async || app.owner("acme", "GET", &format!("/jobs/{job}")).send().await.json();
    let shown = show().await;
    assert_eq!((&shown["state"], &shown["status"]), (&json!("on_hold"), &json!("in_progress")));
    assert_eq!(shown["waits_for"], json!({"code": "legal_hold", "detail": "x"}));
    assert_eq!((shown["links"].get("cancel"), shown["steps"][2].get("links")), (None, None));
    assert_snapshot!(post(&app, &job, "cancel").await.problem(), @"409 wrong-state: a job that is on_hold after it has begun cannot be cancelled");
    let released = app.owner("acme", "POST", &format!("/holds/{hold}/release")).send().await;
    assert_eq!(released.status, 200, "{}", released.text());
    let shown = show().await;
    assert_eq!((&shown["state"], shown.get("waits_for")), (&json!("pending"), None));
    assert_eq!(app.events("job_resumed").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_is_not_tried_again_beside_an_equal_one() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    app.fail(&job).await;
    let open = app.export("acme", "json").await;
    let answer = post(&app, &job, "retry").await;
    assert_snapshot!(answer.problem(), @"409 equal-job-open: wait for the open job, or cancel it first");
    let path = format!("/api/v1/privacy/jobs/{open}");
    assert_eq!(
        (answer.header("location"), answer.json()["job"].as_str()),
        (path.as_str(), Some(path.as_str()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_stays_so() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    for state in ["completed", "expired", "cancelled"] {
        app.set_state(&job, state).await;
        for (action, done) in [("cancel", "be cancelled"), ("retry", "be retried")] {
            let expected = format!("409 wrong-state: a job that is {state} cannot {done}");
            assert_eq!(post(&app, &job, action).await.problem(), expected);
        }
    }
    let nowhere = post(&app, "00000000-0000-0000-0000-000000000000", "cancel").await;
    assert_snapshot!(nowhere.problem(), @"404 no-such-job: the organisation has no job of this id");
}
