//! `lethe erase`

use serde_json::{Value, json};

use crate::support::api::{path, plan, problem};
use crate::support::server::Asked;
use crate::support::{Answer, FakeApi, JOB, erasure};

const NAME: &str = "O'Hara & Søn";

fn is_new(asked: &Asked) -> bool {
    asked.line() == format!("POST {}", path("delete"))
}

/// An API that accepts the erasure and shows it as `view`.
async fn api(view: Value) -> FakeApi {
    FakeApi::start(move |asked, _| match asked.path.rsplit('/').next() {
        Some("delete") => {
            Answer::json(202, &json!({"id": JOB})).header("location", path(&format!("jobs/{JOB}")))
        }
        Some("events") => Answer::status(404),
        Some("plan") => Answer::json(200, &plan()),
        _ => Answer::json(200, &view),
    })
    .await
}

fn waiting() -> Value {
    let links = json!({"self": "/x", "plan": "/x/plan", "cancel": "/x/cancel"});
    erasure("scheduled", json!({"not_before": "2100-01-08T00:00:00Z", "links": links}))
}

fn body(api: &FakeApi) -> Value {
    let asked = api.0.asked();
    serde_json::from_str(&asked.iter().find(|asked| is_new(asked)).unwrap().body).unwrap()
}

#[tokio::test]
async fn it_says_when_it_begins_and_how_to_call_it_off() {
    let api = api(waiting()).await;
    let run = api.lethe(&["erase", "--confirm", NAME]).run().await.ended_with(0);
    assert!(run.out.starts_with(&format!("erasure of the organisation {JOB}  scheduled\n")), "{}", run.out);
    assert!(run.out.contains("  begins    2100-01-08 00:00:00 UTC (in "), "{}", run.out);
    let call_off = format!("  call off  until then: lethe jobs cancel {JOB}\n");
    assert!(run.out.contains(&call_off), "{}", run.out);
    let expected =
        json!({"confirm_org_name": NAME, "delete_media": false, "grace_period_days": 7, "dry_run": false});
    assert_eq!(body(&api), expected);
    let key = api.0.asked()[0].header("idempotency-key").unwrap().len();
    assert_eq!(key, 38);
    let document = api.lethe(&["erase", "--confirm", NAME, "--json"]).run().await.ended_with(0).json();
    assert_eq!(document["not_before"], "2100-01-08T00:00:00Z");
}

#[tokio::test]
async fn every_option_is_sent() {
    let api = api(erasure("pending", json!({}))).await;
    let export = "0190a5c4-7d1e-7000-8000-000000000001";
    let options =
        ["--grace-days", "0", "--delete-media", "--idempotency-key", "mine", "--after-export", export];
    let run = api.lethe(&[&["erase", "--confirm", NAME], &options[..]].concat()).run().await.ended_with(0);
    assert!(run.out.contains(&format!("next: lethe jobs show {JOB} --watch")), "{}", run.out);
    let expected = json!({
        "confirm_org_name": NAME, "delete_media": true, "grace_period_days": 0, "dry_run": false, "after_export": export
    });
    assert_eq!(body(&api), expected);
    assert_eq!(api.0.asked()[0].header("idempotency-key"), Some("\"mine\""));
}

#[tokio::test]
async fn nothing_is_asked_for_without_a_confirmation() {
    let api = api(waiting()).await;
    let run = api.lethe(&["erase"]).run().await.ended_with(2);
    assert!(run.err.contains("--confirm NAME"), "{}", run.err);
    api.lethe(&["erase", "--confirm", ""]).run().await.ended_with(2);
    for days in ["31", "-1", "1.5"] {
        api.lethe(&["erase", "--confirm", NAME, &format!("--grace-days={days}")]).run().await.ended_with(2);
    }
    let silent = api.lethe(&["erase"]).on_a_terminal("").run().await.ended_with(2);
    assert!(silent.out.contains("nothing was asked for"), "{}", silent.out);
    assert!(api.0.asked().is_empty(), "{:?}", api.0.asked());
}

#[tokio::test]
async fn on_a_terminal_the_name_is_asked_for_after_saying_what_will_happen() {
    let api = api(waiting()).await;
    let typed = format!("{NAME}\n");
    let run = api.lethe(&["erase", "--grace-days", "3"]).on_a_terminal(&typed).run().await.ended_with(0);
    for text in ["This erases everything", "begins in 3 days", "The organisation's name", "call off"] {
        assert!(run.out.contains(text), "{text} in:\n{}", run.out);
    }
    assert_eq!(
        (&body(&api)["confirm_org_name"], &body(&api)["grace_period_days"]),
        (&json!(NAME), &json!(3))
    );
}

#[tokio::test]
async fn who_waits_knows_for_how_long_and_how_not_to() {
    let api = FakeApi::start(|asked, number| match (asked.path.rsplit('/').next(), number) {
        (Some("delete"), _) => Answer::json(202, &json!({"id": JOB})),
        (Some("events"), _) => Answer::status(404),
        (_, 0) => Answer::json(200, &waiting()),
        (_, 1) => Answer::json(200, &erasure("running", json!({}))),
        _ => Answer::json(200, &erasure("cancelled", json!({}))),
    })
    .await;
    let run = api.lethe(&["erase", "--confirm", NAME, "--wait"]).run().await.ended_with(3);
    let begins = format!("erasure {JOB}\nbegins at 2100-01-08 00:00:00 UTC (in ");
    assert!(run.err.starts_with(&begins), "{}", run.err);
    assert!(run.err.contains(&format!("to call it off: lethe jobs cancel {JOB}\n")), "{}", run.err);
    assert!(run.err.contains("running: 50 of 100 rows erased (50 %)\n"), "{}", run.err);
}

#[tokio::test]
async fn a_dry_run_that_is_waited_for_shows_the_plan() {
    let request = json!({"delete_media": false, "dry_run": true, "grace_period_days": 7});
    let progress = json!({"rows_done": 0, "rows_planned": 100, "bytes_done": 0, "collections": []});
    let api = api(erasure("completed", json!({"request": request, "progress": progress}))).await;
    let dry = ["erase", "--confirm", NAME, "--dry-run"];
    let run = api.lethe(&dry).run().await.ended_with(0);
    assert!(run.out.contains(&format!("next: lethe jobs plan {JOB}\n")), "{}", run.out);
    assert!(run.out.contains("  rows      100 planned\n"), "{}", run.out);
    assert_eq!(body(&api)["dry_run"], true);
    let run = api.lethe(&[&dry[..], &["--wait"]].concat()).run().await.ended_with(0);
    assert!(run.err.contains("completed: 100 rows planned\n"), "{}", run.err);
    for text in ["plan hash 5f2c77", "shop.people.email", "pseudonymised", "legal_claims", "shop.photos"] {
        assert!(run.out.contains(text), "{text} in:\n{}", run.out);
    }
    let document = api.lethe(&[&dry[..], &["--wait", "--json"]].concat()).run().await.ended_with(0).json();
    assert_eq!((&document["id"], &document["plan"]["plan_hash"]), (&json!(JOB), &json!("5f2c77")));
}

#[tokio::test]
async fn a_wrong_name_and_an_old_sign_in_are_explained() {
    let pointer = json!({"errors": [{"pointer": "/confirm_org_name", "detail": "expected the organisation's own name"}]});
    let wrong = FakeApi::start(move |_, _| problem(422, "unusable values", pointer.clone())).await;
    let run = wrong.lethe(&["erase", "--confirm", "O'Hara"]).run().await.ended_with(1);
    assert!(run.err.contains("/confirm_org_name: expected the organisation's own name"), "{}", run.err);
    let kind = json!({"type": "urn:lethe:problem:insufficient-user-authentication"});
    let stale = FakeApi::start(move |_, _| problem(401, "not authenticated recently", kind.clone())).await;
    let run = stale.lethe(&["erase", "--confirm", NAME]).run().await.ended_with(1);
    assert!(run.err.contains("not authenticated recently (401)"), "{}", run.err);
    assert!(run.err.contains("next: sign in again"), "{}", run.err);
}
