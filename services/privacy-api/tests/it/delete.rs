//! `POST /delete`: who may ask for it, what they confirm, and what becomes of it.

use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Answer, Claims, TestApp, Watcher, captured};

const NAME: &str = r#""confirm_org_name":"Acme & Søn""#;

async fn post(app: &TestApp, key: &str, body: &str) -> Answer {
    app.owner("acme", "POST", "/delete").key(key).json(body).send().await
}

async fn confirmed(app: &TestApp, key: &str, rest: &str) -> Answer {
    post(app, key, &format!("{{{NAME}{rest}}}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_waits_for_its_grace_period_marked_as_deleted() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let asked_at = Utc::now();
    let answer = confirmed(&app, "k1", "").await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let (body, job) = (answer.json(), answer.job());
    let path = format!("/api/v1/privacy/jobs/{job}");
    assert_eq!(answer.header("location"), path);
    assert_eq!((&body["kind"], &body["state"]), (&json!("erasure"), &json!("scheduled")));
    assert_eq!(body["request"], json!({"delete_media": false, "grace_period_days": 7, "dry_run": false}));
    let not_before: DateTime<Utc> = body["not_before"].as_str().unwrap().parse().unwrap();
    let waits = not_before - asked_at;
    assert!((TimeDelta::days(7)..TimeDelta::days(7) + TimeDelta::minutes(5)).contains(&waits), "{waits}");
    let links = json!({"self": path, "plan": format!("{path}/plan"), "cancel": format!("{path}/cancel")});
    assert_eq!(body["links"], links);
    let steps = body["steps"].as_array().unwrap();
    assert_eq!((&steps[0]["kind"], &steps[0]["state"]), (&json!("soft_delete"), &json!("due")));
    assert_eq!((&steps[1]["kind"], &steps[1]["state"]), (&json!("plan_erasure"), &json!("waiting")));
    // Who oversees sees it, and where its plan will be, but cannot cancel it.
    let token = app.token("acme", "auditor");
    let seen = app.call("GET", &path).token(&token).send().await.json();
    assert_eq!(seen["links"], json!({"self": path, "plan": format!("{path}/plan")}));
    let listed = app.owner("acme", "GET", "/jobs?kind=erasure&state=scheduled").send().await.json();
    assert_eq!(listed["jobs"][0]["not_before"], body["not_before"]);
    assert_eq!(app.owner("acme", "GET", "/jobs?kind=export").send().await.json()["jobs"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_in_time_it_takes_the_mark_away_and_its_watchers_are_told() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let job = app.erasure("acme", "Acme & Søn", "").await;
    let mut watcher = Watcher::open(app.owner("acme", "GET", &format!("/jobs/{job}/events"))).await;
    let created = watcher.next_named("progress").await.unwrap();
    assert_eq!(created.data["state"], "scheduled");
    let cancelled = app.owner("acme", "POST", &format!("/jobs/{job}/cancel")).send().await.json();
    assert_eq!((&cancelled["state"], &cancelled["not_before"]), (&json!("cancelled"), &json!(null)));
    let steps = cancelled["steps"].as_array().unwrap();
    assert_eq!((&steps[2]["kind"], &steps[2]["state"]), (&json!("restore"), &json!("due")));
    let rest = watcher.rest().await;
    let end = rest.last().unwrap();
    assert_eq!((end.name.as_str(), &end.data["state"]), ("end", &json!("cancelled")));
    let again = app.owner("acme", "POST", &format!("/jobs/{job}/cancel")).send().await;
    assert_snapshot!(again.problem(), @"409 wrong-state: a job that is cancelled cannot be cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_grace_and_as_a_dry_run_it_is_planned_at_once() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let (plan, mark) =
        (["plan_erasure due"].as_slice(), ["soft_delete due", "plan_erasure waiting"].as_slice());
    for (key, rest, expected) in
        [("k1", r#","dry_run":true"#, plan), ("k2", r#","grace_period_days":0,"delete_media":true"#, mark)]
    {
        let body = confirmed(&app, key, rest).await.json();
        assert_eq!((&body["state"], &body["not_before"]), (&json!("pending"), &json!(null)), "{rest}");
        let steps = body["steps"].as_array().unwrap().iter();
        let text = |step: &serde_json::Value, name: &str| step[name].as_str().unwrap().to_owned();
        let steps: Vec<String> =
            steps.map(|step| format!("{} {}", text(step, "kind"), text(step, "state"))).collect();
        assert_eq!(steps, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_without_a_mark_for_deleted_organisations_has_none_set() {
    let shop = crate::support::Shop::open().await;
    shop.map_without(", soft_delete: deleted_at");
    let app = TestApp::start_with(|config| config.erasure = Some(shop.settings())).await;
    let body = confirmed(&app, "k1", "").await.json();
    assert_eq!(body["state"], "scheduled");
    assert_eq!(
        (&body["steps"][0]["kind"], body["steps"].as_array().unwrap().len()),
        (&json!("plan_erasure"), 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_name_to_the_letter_confirms_and_it_is_never_told() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    for typed in ["acme & søn", "Acme & Son", " Acme & Søn", "Acme & Søn ", "", "Other", "acme"] {
        let answer = post(&app, "k1", &json!({"confirm_org_name": typed}).to_string()).await;
        assert_eq!(
            answer.problem(),
            "422 unusable-values: values of the body cannot be used; see `errors` [/confirm_org_name: expected the organisation's own name, to the letter: case, spaces and accents count]"
        );
    }
    let unknown = app.owner("nobody", "POST", "/delete").key("k1").json(&format!("{{{NAME}}}")).send().await;
    assert_snapshot!(unknown.problem(), @"422 unusable-values: values of the body cannot be used; see `errors` [/confirm_org_name: the subject store has no organisation with the id that the token names]");
    let nameless = app.owner("nameless", "POST", "/delete").key("k1").json(r#"{"confirm_org_name":""}"#);
    assert_snapshot!(nameless.send().await.problem(), @"422 unusable-values: values of the body cannot be used; see `errors` [/confirm_org_name: the organisation has no name in its own table; give it one]");
    assert_eq!(app.database.count("privacy_jobs").await, 0);
    assert!(!captured().contains("Acme & S"), "no name is logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_needs_an_owner_who_has_just_signed_in() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let body = format!("{{{NAME}}}");
    let with = async |claims: Claims| {
        let call = app.call("POST", "/api/v1/privacy/delete").token(&app.signer.token(&claims));
        call.key("k1").json(&body).send().await
    };
    let owner = || Claims::of("acme", "owner");
    for claims in [
        owner().without("auth_time"),
        owner().at("auth_time", -902),
        owner().at("auth_time", 120),
        owner().with("auth_time", "now"),
        owner().with("auth_time", 0),
    ] {
        let answer = with(claims).await;
        assert_eq!(
            answer.problem(),
            "401 insufficient-user-authentication: this needs a sign-in of the last 15 minutes, by the token's claim `auth_time`; sign in again and use the new token"
        );
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer error="insufficient_user_authentication", max_age="900""#
        );
    }
    for role in ["member", "privacy_officer", "auditor"] {
        let answer = with(Claims::of("acme", role).without("auth_time")).await;
        assert_eq!(answer.problem(), "403 missing-role: this needs the role owner");
    }
    assert_eq!(app.database.count("privacy_jobs").await, 0);
    assert_eq!(with(owner().at("auth_time", -890)).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_recent_a_sign_in_must_be_is_a_setting() {
    let (app, _shop) =
        TestApp::start_with_shop(|config| config.auth.recent_within = std::time::Duration::from_secs(60))
            .await;
    let token = app.signer.token(&Claims::of("acme", "owner").at("auth_time", -120));
    let call = app.call("POST", "/api/v1/privacy/delete").token(&token).key("k1");
    let answer = call.json(&format!("{{{NAME}}}")).send().await;
    assert!(answer.header("www-authenticate").ends_with(r#"max_age="60""#), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_again_is_the_same_job_and_no_second_one_is_open() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let first = confirmed(&app, "k1", "").await;
    let again = confirmed(&app, "k1", r#","dry_run":false"#).await;
    assert_eq!((again.status, again.job()), (202, first.job()));
    assert_eq!(again.header("idempotent-replayed"), "true");
    let other = confirmed(&app, "k1", r#","delete_media":true"#).await;
    assert_snapshot!(other.problem(), @"422 idempotency-key-reused: this key came with other parameters before; use a new key for a new request");
    let open = confirmed(&app, "k2", r#","grace_period_days":0"#).await;
    assert_snapshot!(open.problem(), @"409 equal-job-open: wait for the open job, or cancel it first");
    assert_eq!(open.header("location"), first.header("location"));
    assert_eq!(confirmed(&app, "k3", r#","dry_run":true"#).await.status, 202, "a dry run disturbs nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_is_the_same_job_also_when_the_name_has_been_erased() {
    let (app, shop) = TestApp::start_with_shop(|_| {}).await;
    let first = confirmed(&app, "k1", "").await;
    let erased = "UPDATE organisations SET name = 'organisation-5b1f' WHERE id = 'acme'";
    shop.database.client().await.batch_execute(erased).await.unwrap();
    let again = confirmed(&app, "k1", "").await;
    assert_eq!((again.status, again.job()), (202, first.job()));
    assert_eq!(again.header("idempotent-replayed"), "true");
    let new_name = post(&app, "k1", r#"{"confirm_org_name":"organisation-5b1f"}"#).await;
    assert_eq!((new_name.status, new_name.job()), (202, first.job()), "it is confirmed only once");
    assert_eq!(confirmed(&app, "k2", "").await.status, 422, "a new request confirms the name that is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_wrong_is_pointed_to() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let wrong = async |body: &str| post(&app, "k1", body).await.problem();
    assert_snapshot!(wrong("{}").await, @"400 invalid-body: the body is not what is expected; see `errors` [/confirm_org_name: this member is missing]");
    assert_snapshot!(wrong(r#"{"confirm_org_name":"x","grace_period_days":31}"#).await, @"400 invalid-body: the body is not what is expected; see `errors` [/grace_period_days: expected a whole number from 0 to 30]");
    assert_snapshot!(wrong(r#"{"confirm_org_name":"x","grace_period_days":1.5}"#).await, @"400 invalid-body: the body is not what is expected; see `errors` [/grace_period_days: expected a whole number from 0 to 30]");
    assert_snapshot!(wrong(r#"{"confirm_org_name":["secret"]}"#).await, @"400 invalid-body: the body is not what is expected; see `errors` [/confirm_org_name: expected a string]");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_the_equal_open_erasure_is_the_answer() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let plain = async |rest: &str| {
        app.owner("acme", "POST", "/delete").json(&format!("{{{NAME}{rest}}}")).send().await
    };
    let first = plain("").await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (202, ""), "{}", first.text());
    let again = plain(r#", "grace_period_days": 7.0"#).await;
    assert_eq!((again.status, again.job()), (202, first.job()));
    assert_eq!(again.header("idempotent-replayed"), "true");
    let other = plain(r#","delete_media":true"#).await;
    assert_snapshot!(other.problem(), @"409 equal-job-open: wait for the open job, or cancel it first");
    assert_eq!(other.header("location"), first.header("location"));
    assert_eq!(plain(r#","dry_run":true"#).await.status, 202, "a plan disturbs nobody");
    assert_eq!(app.database.count("idempotency_keys").await, 0);
    let unconfirmed =
        app.owner("acme", "POST", "/delete").json(r#"{"confirm_org_name":"Acme"}"#).send().await;
    assert_eq!(unconfirmed.status, 422, "the name is confirmed also where an equal erasure is open");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_set_up_is_named() {
    let app = TestApp::start().await;
    assert_snapshot!(confirmed(&app, "k1", "").await.problem(), @"503 erasure-not-configured: this service does not know where the data is; set `service.erasure.data_map` and `service.erasure.stores`");
    let shop = crate::support::Shop::open().await;
    shop.map_without(", name: name");
    let app = TestApp::start_with(|config| config.erasure = Some(shop.settings())).await;
    assert_snapshot!(confirmed(&app, "k1", "").await.problem(), @"503 erasure-not-configured: no name could be confirmed: in the file `service.erasure.data_map`, a dataset must say where organisations have their names, as `lethe: {organisation: {collection: …, key: …, name: …}}`");
    let shop = crate::support::Shop::open().await;
    let nowhere = shop.settings_at("postgres://nobody@127.0.0.1:9/nowhere");
    let app = TestApp::start_with(|config| config.erasure = Some(nowhere)).await;
    let away = confirmed(&app, "k1", "").await;
    assert_snapshot!(away.problem(), @"503 unavailable: something this service needs is unavailable; try again soon");
    assert_eq!(away.header("retry-after"), "5");
}

/// An erasure without a grace period that is to come after this job.
async fn after(app: &TestApp, key: &str, export: &str) -> Answer {
    confirmed(app, key, &format!(r#","grace_period_days":0,"after_export":"{export}""#)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_after_an_export_waits_for_it_and_can_be_cancelled() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let export = app.export("acme", "json").await;
    let answer = after(&app, "k1", &export).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let (body, job) = (answer.json(), answer.job());
    assert_eq!(body["state"], "scheduled");
    assert_eq!(
        body["request"],
        json!({"delete_media": false, "grace_period_days": 0, "dry_run": false, "after_export": export})
    );
    assert!(body["links"]["cancel"].is_string(), "{body}");
    // What was accepted stays so, however the export ends.
    app.fail(&export).await;
    let again = after(&app, "k1", &export).await;
    assert_eq!((again.status, again.job()), (202, job.clone()));
    let cancelled = app.owner("acme", "POST", &format!("/jobs/{job}/cancel")).send().await.json();
    assert_eq!(cancelled["state"], "cancelled");
    for (key, state) in [("k2", "completed"), ("k3", "expired")] {
        app.set_state(&export, state).await;
        let answer = after(&app, key, &export).await;
        assert_eq!(answer.status, 202, "{state}: {}", answer.text());
        app.owner("acme", "POST", &format!("/jobs/{}/cancel", answer.job())).send().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_does_not_wait_for_the_export() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let export = app.export("acme", "json").await;
    let body = confirmed(&app, "k1", &format!(r#","dry_run":true,"after_export":"{export}""#)).await.json();
    assert_eq!((&body["state"], &body["steps"][0]["state"]), (&json!("pending"), &json!("due")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_cannot_come_first_is_pointed_to() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let none = "422 unusable-values: values of the body cannot be used; see `errors` [/after_export: the organisation has no export of all its data with this id; expected the id of one, as `POST /export` answers with]";
    let foreign = app.export("globex", "json").await;
    let erasure = confirmed(&app, "dry", r#","dry_run":true"#).await.job();
    let person = json!({"identity_type": "email", "identity_value": "ada@example.org", "format": "json"});
    let person =
        app.owner("acme", "POST", "/subjects/export").key("p").json(&person.to_string()).send().await;
    for export in [foreign, erasure, person.job(), uuid::Uuid::now_v7().to_string()] {
        assert_eq!(after(&app, "k1", &export).await.problem(), none);
    }
    let export = app.export("acme", "json").await;
    app.fail(&export).await;
    assert_snapshot!(after(&app, "k1", &export).await.problem(), @"422 unusable-values: values of the body cannot be used; see `errors` [/after_export: this export is failed; expected one that is complete or under way]");
    app.set_state(&export, "cancelled").await;
    assert_snapshot!(after(&app, "k1", &export).await.problem(), @"422 unusable-values: values of the body cannot be used; see `errors` [/after_export: this export is cancelled; expected one that is complete or under way]");
    assert_snapshot!(after(&app, "k1", "the last one").await.problem(), @"400 invalid-body: the body is not what is expected; see `errors` [/after_export: expected the id of a job, a UUID]");
    assert_eq!(app.database.count("privacy_jobs WHERE kind = 'erasure'").await, 1, "the dry run alone");
    let subject = r#"{"identity_type":"email","identity_value":"x","after_export":null}"#;
    let subject = app.owner("acme", "POST", "/subjects/erase").key("s").json(subject).send().await;
    assert!(subject.problem().contains("/after_export: there is no such member"), "{}", subject.problem());
}
