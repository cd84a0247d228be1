//! `GET /jobs/{id}/plan`: what an erasure will do, once that is known.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

async fn plan(app: &TestApp, job: &str) -> Answer {
    app.owner("acme", "GET", &format!("/jobs/{job}/plan")).send().await
}

fn document() -> Value {
    json!({
        "tokens": [],
        "media": [{"collection": "shop.customers", "count": 2}],
        "collections": [{
            "collection": "shop.customers", "store": "shop",
            "table": {"schema": "public", "table": "customers"}, "action": "anonymise",
            "fields": [{"column": "email", "strategy": "null", "effect": "anonymised", "samples": ["xxx@xxxxxxx.xxx"]}],
            "rows": 7,
            "retained": [{"hold": "00000000-0000-0000-0000-000000000001", "ground": "legal_claims", "rows": 1}],
            "shared": 2, "referred": 0, "later": 0,
        }],
        "nobody_found": false,
        "plan_hash": "00ff",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_shown_to_whoever_may_see_the_job() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let job = app.erasure("acme", "Acme & Søn", r#","dry_run":true"#).await;
    app.planned(&job, &document()).await;
    let mut shown = document();
    shown["collections"][0]["table"] = json!("public.customers");
    for role in ["owner", "privacy_officer", "auditor"] {
        let call = app.call("GET", &format!("/api/v1/privacy/jobs/{job}/plan"));
        let answer = call.token(&app.token("acme", role)).send().await;
        assert_eq!((answer.status, answer.json()), (200, shown.clone()), "{role}");
    }
    let again = "INSERT INTO job_steps (job_id, step_no, organisation_id, phase, kind, state, result, ended_at) \
                 SELECT job_id, 7, organisation_id, 6, kind, state, jsonb_set(result, '{plan_hash}', '\"01\"'), ended_at \
                 FROM job_steps WHERE kind = 'plan_erasure'";
    let behind = format!("BEGIN; SET LOCAL session_replication_role = replica; {again}; COMMIT");
    app.database.admin.batch_execute(&behind).await.unwrap();
    let latest = plan(&app, &job).await.json();
    assert_eq!((&latest["pass"], &latest["plan_hash"]), (&json!(2), &json!("01")));
    let other = app.owner("other", "GET", &format!("/jobs/{job}/plan")).send().await;
    assert_snapshot!(other.problem(), @"404 no-such-job: the organisation has no job of this id");
}

#[tokio::test(flavor = "multi_thread")]
async fn until_there_is_one_it_is_said_when_there_will_be() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let job = app.erasure("acme", "Acme & Søn", "").await;
    let waiting = plan(&app, &job).await.problem();
    let shown = app.owner("acme", "GET", &format!("/jobs/{job}")).send().await.json();
    let ends = shown["not_before"].as_str().unwrap();
    let ends = ends.split('.').next().unwrap().trim_end_matches('Z');
    assert_eq!(
        waiting,
        format!(
            "404 plan-not-made: the plan of a waiting erasure is made when its grace period ends, at {ends}Z; to see one now, ask for the same with `dry_run`"
        )
    );
    app.owner("acme", "POST", &format!("/jobs/{job}/cancel")).send().await.job();
    assert_snapshot!(plan(&app, &job).await.problem(), @"404 plan-not-made: the job ended before its plan was made; where it failed, its `failure` says why");
    let dry = app.erasure("acme", "Acme & Søn", r#","dry_run":true"#).await;
    assert_snapshot!(plan(&app, &dry).await.problem(), @"404 plan-not-made: the plan is being made; look again in a moment");
    let export = app.export("acme", "json").await;
    assert_snapshot!(plan(&app, &export).await.problem(), @"404 plan-not-made: a job of the kind export has no plan to look at; an erasure has");
    assert_snapshot!(plan(&app, "nothing").await.problem(), @"404 no-such-job: the organisation has no job of this id");
}
