//! `lethe jobs plan`, and what is shown of steps that wait and of rows that stay.

use serde_json::{Value, json};

use crate::support::api::{path, plan, problem};
use crate::support::{Answer, FakeApi, JOB, erasure};

#[tokio::test]
async fn a_plan_is_shown_as_tables() {
    let api = FakeApi::start(|_, _| Answer::json(200, &plan())).await;
    let run = api.lethe(&["jobs", "plan", JOB]).run().await.ended_with(0);
    let expected = format!(
        "\
plan of the erasure of an organisation
plan hash 5f2c77

media, deleted
  COLLECTION   OBJECTS
  shop.photos  3

rows
  COLLECTION   WHAT       ROWS  STAY  STORE  TABLE
  shop.people  anonymise  60    8     shop   public.people

columns that change
  COLUMN             STRATEGY      EFFECT         SAMPLES
  shop.people.email  pseudonymise  pseudonymised  xxx@xxxxxxx.xxx

rows that stay
  COLLECTION   ROWS  WHY
  shop.people  7     hold {JOB} (legal_claims)
  shop.people  1     others still refer to them
"
    );
    assert_eq!(run.out, expected);
    assert_eq!(api.0.times(&format!("GET {}", path(&format!("jobs/{JOB}/plan")))), 1);
    assert_eq!(api.lethe(&["jobs", "plan", JOB, "--json"]).run().await.ended_with(0).json(), plan());
}

#[tokio::test]
async fn when_there_will_be_a_plan_is_said_as_the_api_words_it() {
    let more = json!({"detail": "the plan of a waiting erasure is made when its grace period ends"});
    let api = FakeApi::start(move |_, _| problem(404, "no plan", more.clone())).await;
    let run = api.lethe(&["jobs", "plan", JOB]).run().await.ended_with(1);
    assert!(run.err.contains("no plan (404)\n  the plan of a waiting erasure"), "{}", run.err);
}

fn step(step_no: i32, more: Value) -> Value {
    let mut step = json!({"step_no": step_no, "phase": 1, "kind": "revoke_tokens", "collection": "shop.tokens",
        "state": "due", "attempts": 4, "failure": {"code": "provider", "detail": "the provider answers 503"},
        "started_at": null, "ended_at": null});
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

#[tokio::test]
async fn steps_that_wait_skipped_steps_and_rows_that_stay_are_shown() {
    let links = json!({"retry": "/x", "skip": "/x"});
    let steps = [
        step(2, json!({"not_before": "2100-01-01T00:00:00Z", "links": links})),
        step(3, json!({"state": "completed", "skip_reason": "tokens_expired"})),
    ];
    let kept = json!({"hold": JOB, "ground": "legal_claims", "collection": "shop.people", "rows": 7});
    let waits = json!({"code": "open_transactions", "detail": "transaction of role app, open for 3 min"});
    let verify = json!({"kind": "verify_erasure", "collection": null, "failure": null});
    let mut verifies = step(9, verify);
    verifies
        .as_object_mut()
        .unwrap()
        .extend(json!({"pass": 2, "waits_for": waits, "links": links}).as_object().unwrap().clone());
    let waived = step(10, json!({"state": "running", "failure": null, "waived_reason": "risk_accepted"}));
    let steps = [steps.to_vec(), vec![verifies, waived]].concat();
    let view = erasure("retrying", json!({"steps": steps, "retained": [kept], "waits_for": waits}));
    let api = FakeApi::start(move |_, _| Answer::json(200, &view)).await;
    let run = api.lethe(&["jobs", "show", JOB]).run().await.ended_with(0);
    for text in [
        "  ✗ step 2 (revoke_tokens of shop.tokens), 4 attempts: the provider answers 503\n      tried next at 2100-01-01 00:00:00 UTC (in ",
        &format!("to try it now: lethe jobs retry-step {JOB} 2\n"),
        &format!("to do without it: lethe jobs skip-step {JOB} 2 --reason …\n"),
        "  ○ step 3 (revoke_tokens of shop.tokens) was skipped: tokens_expired\n",
        "  waits     open_transactions: transaction of role app, open for 3 min\n",
        "  ◌ step 9 (verify_erasure of the job, pass 2) waits: transaction of role app, open for 3 min\n",
        &format!("to do without that: lethe jobs skip-step {JOB} 9 --reason …\n"),
        "  ○ step 10 (revoke_tokens of shop.tokens) does not wait: risk_accepted\n",
        &format!(
            "retained\n  COLLECTION   ROWS  GROUND        HOLD                                  ERASED BY\n  shop.people  7     legal_claims  {JOB}  -\n"
        ),
    ] {
        assert!(run.out.contains(text), "{text} in:\n{}", run.out);
    }
}

#[tokio::test]
async fn a_step_is_tried_again_or_done_without() {
    let api = FakeApi::start(|asked, _| match asked.method.as_str() {
        "POST" => Answer::json(202, &json!({})),
        _ => Answer::json(200, &erasure("running", json!({}))),
    })
    .await;
    let retry = api.lethe(&["jobs", "retry-step", JOB, "2"]).run().await.ended_with(0);
    assert!(retry.out.starts_with(&format!("erasure of the organisation {JOB}  running")), "{}", retry.out);
    let skip = ["jobs", "skip-step", JOB, "3", "--reason", "risk_accepted", "--json"];
    assert_eq!(api.lethe(&skip).run().await.ended_with(0).json()["id"], JOB);
    let asked: Vec<_> = api.0.asked().into_iter().filter(|asked| asked.method == "POST").collect();
    assert_eq!(asked[0].line(), format!("POST {}", path(&format!("jobs/{JOB}/steps/2/retry"))));
    assert_eq!(asked[1].line(), format!("POST {}", path(&format!("jobs/{JOB}/steps/3/skip"))));
    assert_eq!(asked[1].body, r#"{"reason":"risk_accepted"}"#);
    for wrong in [&["3"][..], &["3", "--reason", "bored"], &["0", "--reason", "risk_accepted"]] {
        api.lethe(&[&["jobs", "skip-step", JOB], wrong].concat()).run().await.ended_with(2);
    }
}
