//! `POST /jobs/{id}/steps/{step}/retry` and `/skip`.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Answer, TestApp};

async fn post(app: &TestApp, job: &str, step: &str, action: &str, body: &str) -> Answer {
    let call = app.owner("acme", "POST", &format!("/jobs/{job}/steps/{step}/{action}"));
    if action == "skip" { call.json(body).send().await } else { call.send().await }
}

async fn waiting(app: &TestApp) -> String {
    let job = app.erasure("acme", "Acme & Søn", r#","grace_period_days":0"#).await;
    app.waits_for_provider("acme", &job).await;
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_waits_is_shown_with_its_reason_and_tried_at_once() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let job = waiting(&app).await;
    let path = format!("/api/v1/privacy/jobs/{job}");
    let shown = app.owner("acme", "GET", &format!("/jobs/{job}")).send().await.json();
    let step = &shown["steps"][2];
    assert_eq!((&step["state"], &step["failure"]["code"]), (&json!("due"), &json!("provider_unavailable")));
    assert!(step["not_before"].is_string());
    let links = json!({"retry": format!("{path}/steps/9/retry"), "skip": format!("{path}/steps/9/skip")});
    assert_eq!(step["links"], links);
    let seen = app.call("GET", &path).token(&app.token("acme", "auditor")).send().await.json();
    assert_eq!(seen["steps"][2].get("links"), None, "who may not is shown no way");
    let before = app.database.count("outbox WHERE kind = 'step.due'").await;
    let answer = post(&app, &job, "9", "retry", "").await;
    assert_eq!((answer.status, answer.header("location")), (202, path.as_str()), "{}", answer.text());
    assert_eq!(app.events("step_retried").await, 1);
    assert_eq!(app.database.count("outbox WHERE kind = 'step.due'").await, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_skipped_for_a_reason_that_is_on_the_list() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let job = waiting(&app).await;
    assert_snapshot!(post(&app, &job, "9", "skip", r#"{"reason":"because"}"#).await.problem(), @"400 invalid-body: the body is not what is expected; see `errors` [/reason: expected one of `provider_closed`, `tokens_expired`, `revoked_elsewhere`, `risk_accepted`, `transaction_harmless`]");
    assert_snapshot!(post(&app, &job, "9", "skip", r#"{"reason":"transaction_harmless"}"#).await.problem(), @"422 unusable-values: values of the body cannot be used; see `errors` [/reason: the reason does not fit this step; expected one of `provider_closed`, `tokens_expired`, `revoked_elsewhere`, `risk_accepted`]");
    let answer = post(&app, &job, "9", "skip", r#"{"reason":"provider_closed"}"#).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let step = &answer.json()["steps"][2];
    assert_eq!((&step["state"], &step["skip_reason"]), (&json!("completed"), &json!("provider_closed")));
    assert_eq!(step.get("links"), None);
    assert_eq!(app.events("step_skipped").await, 1);
    assert_snapshot!(post(&app, &job, "9", "skip", r#"{"reason":"provider_closed"}"#).await.problem(), @"409 wrong-state: only a step that waits for somebody else, as for a provider, can be skipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_is_told_not_to_wait_and_looks_at_once() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let job = app.erasure("acme", "Acme & Søn", r#","grace_period_days":0"#).await;
    app.waits_for_transactions("acme", &job).await;
    let path = format!("/api/v1/privacy/jobs/{job}");
    let shown = app.owner("acme", "GET", &format!("/jobs/{job}")).send().await.json();
    let waits = json!({"code": "open_transactions", "detail": "x"});
    assert_eq!((&shown["state"], &shown["waits_for"]), (&json!("verifying"), &waits));
    let step = &shown["steps"][2];
    assert_eq!((&step["waits_for"], &step["failure"], &step["attempts"]), (&waits, &json!(null), &json!(0)));
    let links = json!({"retry": format!("{path}/steps/9/retry"), "skip": format!("{path}/steps/9/skip")});
    assert_eq!(step["links"], links);
    assert_snapshot!(post(&app, &job, "9", "skip", r#"{"reason":"provider_closed"}"#).await.problem(), @"422 unusable-values: values of the body cannot be used; see `errors` [/reason: the reason does not fit this step; expected one of `risk_accepted`, `transaction_harmless`]");
    let before = app.database.count("outbox WHERE kind = 'step.due'").await;
    let answer = post(&app, &job, "9", "skip", r#"{"reason":"transaction_harmless"}"#).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let shown = answer.json();
    let step = &shown["steps"][2];
    assert_eq!((&step["state"], &step["waived_reason"]), (&json!("due"), &json!("transaction_harmless")));
    assert_eq!((step.get("waits_for"), step.get("skip_reason"), step.get("links")), (None, None, None));
    assert_eq!((&shown["state"], shown.get("waits_for")), (&json!("verifying"), None));
    assert_eq!(app.events("step_skipped").await, 1);
    assert_eq!(app.events("transaction_harmless").await, 1);
    assert_eq!(app.database.count("outbox WHERE kind = 'step.due'").await, before + 1);
    assert_snapshot!(post(&app, &job, "9", "skip", r#"{"reason":"transaction_harmless"}"#).await.problem(), @"409 wrong-state: only a step that waits for somebody else, as for a provider, can be skipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_step_is_hurried_or_skipped() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let job = app.erasure("acme", "Acme & Søn", r#","grace_period_days":0"#).await;
    let reason = r#"{"reason":"risk_accepted"}"#;
    assert_snapshot!(post(&app, &job, "1", "retry", "").await.problem(), @"409 wrong-state: only a step that failed and waits for its next attempt is tried at once");
    assert_snapshot!(post(&app, &job, "1", "skip", reason).await.problem(), @"409 wrong-state: only a step that waits for somebody else, as for a provider, can be skipped");
    for step in ["3", "0", "-1", "+1", "one", "99999999999"] {
        for action in ["retry", "skip"] {
            let answer = post(&app, &job, step, action, reason).await;
            assert_eq!(
                answer.problem(),
                "404 no-such-step: the organisation has no job of this id with a step of this number"
            );
        }
    }
    let waiting = {
        let done = app.owner("acme", "POST", &format!("/jobs/{job}/cancel")).send().await;
        assert_eq!(done.status, 202);
        waiting(&app).await
    };
    for role in ["member", "privacy_officer", "auditor"] {
        let call = app.call("POST", &format!("/api/v1/privacy/jobs/{waiting}/steps/9/skip"));
        let answer = call.token(&app.token("acme", role)).json(reason).send().await;
        assert_eq!(answer.problem(), "403 missing-role: this needs the role owner");
    }
    let other =
        app.owner("other", "POST", &format!("/jobs/{waiting}/steps/9/skip")).json(reason).send().await;
    assert_eq!(other.status, 404);
    assert_eq!(app.events("step_skipped").await, 0);
}
