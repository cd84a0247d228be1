//! `lethe holds`

use serde_json::{Value, json};

use crate::support::api::{path, problem};
use crate::support::{Answer, FakeApi, JOB};

const HOLD: &str = "0192f0c1-7f3a-7cc3-98c4-dc0c0c073990";

fn hold(scope: Value) -> Value {
    json!({"id": HOLD, "scope": scope, "ground": "legal_claims", "owner": "Legal", "review_on": "2100-01-31",
        "placed_at": "2026-11-21T10:00:00Z", "placed_by": "owner-1", "released_at": null, "released_by": null,
        "links": {"self": path(&format!("holds/{HOLD}")), "release": path(&format!("holds/{HOLD}/release"))}})
}

#[tokio::test]
async fn a_hold_covers_what_the_options_say() {
    let person = json!({"identity_type": "email", "identity_value": "lovelace@example.org"});
    let compared = json!([{"column": "placed_on", "operator": "at_least", "value": "2026-01-01"},
        {"column": "total", "operator": "less", "value": "-5"}]);
    let conditions = ["--where", "placed_on", ">=", "2026-01-01", "--where", "total", "<", "-5"];
    for (options, scope) in [
        (vec!["--organisation"], json!({"organisation": true})),
        (vec!["--subject", "email=lovelace@example.org"], json!({"subject": person})),
        (vec!["--subject-file", "-"], json!({"subject": person})),
        (vec!["--collection", "shop.orders"], json!({"collection": "shop.orders"})),
        (
            [&["--rows", "shop.orders"], &conditions[..]].concat(),
            json!({"rows": {"collection": "shop.orders", "comparisons": compared}}),
        ),
    ] {
        let api =
            FakeApi::start(|_, _| Answer::json(201, &hold(json!({"subject": {"identity_type": "email"}}))))
                .await;
        let rest = ["--ground", "legal_claims", "--owner", "Legal", "--review-on", "2100-01-31"];
        let lethe = api.lethe(&[&["holds", "place"], options.as_slice(), &rest].concat());
        let run = lethe.reading("email=lovelace@example.org\n").run().await.ended_with(0);
        assert!(run.out.contains("covers     one person, found by email\n"), "{}", run.out);
        assert!(!run.out.contains("lovelace") && !run.err.contains("lovelace"));
        let asked = api.0.asked();
        assert_eq!(asked[0].line(), format!("POST {}", path("holds")));
        let expected =
            json!({"scope": scope, "ground": "legal_claims", "owner": "Legal", "review_on": "2100-01-31"});
        assert_eq!(serde_json::from_str::<Value>(&asked[0].body).unwrap(), expected);
    }
}

#[tokio::test]
async fn a_hold_that_does_not_bind_yet_is_told_with_the_key_that_confirms_it() {
    let body = |status: u16| match status {
        201 => Answer::json(201, &hold(json!({"organisation": true}))),
        _ => {
            let more = json!({"type": "urn:lethe:problem:hold-not-binding", "hold": path(&format!("holds/{HOLD}")),
                "job": path(&format!("jobs/{JOB}"))});
            problem(503, "the hold does not bind yet", more)
        }
    };
    let api = FakeApi::start(move |_, number| body(if number == 0 { 503 } else { 201 })).await;
    let arguments = [
        "holds",
        "place",
        "--organisation",
        "--ground",
        "legal_claims",
        "--owner",
        "Legal",
        "--review-on",
        "2100-01-31",
    ];
    let run = api.lethe(&arguments).run().await.ended_with(1);
    let key = api.0.asked()[0].header("idempotency-key").unwrap().trim_matches('"').to_owned();
    assert!(key.len() >= 32, "{key}");
    for told in [
        "the hold does not bind yet (503)".to_owned(),
        format!("the hold: lethe holds show {HOLD}"),
        format!("it waits for: lethe jobs show {JOB}"),
        format!(
            "next: rely on the hold only when it binds; repeat the command with --idempotency-key {key} until"
        ),
    ] {
        assert!(run.err.contains(&told), "{told}\n{}", run.err);
    }
    api.lethe(&[&arguments[..], &["--idempotency-key", &key]].concat()).run().await.ended_with(0);
    let asked = api.0.asked();
    assert_eq!((asked.len(), asked[1].header("idempotency-key")), (2, asked[0].header("idempotency-key")));
    assert_eq!(asked[0].body, asked[1].body);
}

#[tokio::test]
async fn a_hold_whose_answer_is_lost_is_asked_for_again_under_the_same_key() {
    let api = FakeApi::start(|_, number| {
        let answer = Answer::json(201, &hold(json!({"organisation": true})));
        if number == 0 { answer.cut_after(10) } else { answer }
    })
    .await;
    let arguments = [
        "holds",
        "place",
        "--organisation",
        "--ground",
        "legal_claims",
        "--owner",
        "Legal",
        "--review-on",
        "2100-01-31",
    ];
    api.lethe(&arguments).run().await.ended_with(0);
    let keys: Vec<_> =
        api.0.asked().iter().map(|asked| asked.header("idempotency-key").map(str::to_owned)).collect();
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
    let lost = FakeApi::start(|_, _| Answer::json(201, &json!({"id": HOLD})).cut_after(3)).await;
    let run = lost.lethe(&arguments).run().await.ended_with(1);
    assert!(
        run.err.contains("the hold may be placed all the same; repeat the command with --idempotency-key"),
        "{}",
        run.err
    );
}

#[tokio::test]
async fn what_is_no_hold_is_refused_before_anything_is_sent() {
    let api = FakeApi::start(|_, _| Answer::status(500)).await;
    let good = ["--ground", "legal_claims", "--owner", "Legal", "--review-on", "2100-01-31"];
    for wrong in [
        &[][..],
        &["--organisation", "--collection", "shop.orders"],
        &["--rows", "shop.orders"],
        &["--where", "total", "=", "lovelace"],
        &["--organisation", "--where", "total", "=", "lovelace"],
        &["--rows", "shop.orders", "--where", "total", "~", "lovelace"],
        &["--rows", "shop.orders", "--where", "total", "="],
        &["--subject", "lovelace"],
    ] {
        let run = api.lethe(&[&["holds", "place"], &good[..], wrong].concat()).run().await.ended_with(2);
        assert!(!run.err.contains("lovelace"), "{}", run.err);
    }
    for wrong in [("legal_claims", "2100-02-30"), ("because", "2100-01-31")] {
        let arguments = ["holds", "place", "--organisation", "--owner", "Legal", "--ground", wrong.0];
        let lethe = api.lethe(&[&arguments[..], &["--review-on", wrong.1]].concat());
        lethe.run().await.ended_with(2);
    }
    assert!(api.0.asked().is_empty());
}

#[tokio::test]
async fn holds_are_listed_and_shown() {
    let api = FakeApi::start(|asked, _| {
        let one = hold(json!({"collection": "shop.orders"}));
        match asked.path.ends_with(HOLD) {
            true => Answer::json(200, &one),
            false => {
                let next = (!asked.path.contains("cursor=")).then_some("c&1");
                Answer::json(200, &json!({"holds": [one], "next_cursor": next}))
            }
        }
    })
    .await;
    let run = api.lethe(&["holds", "list", "--active"]).run().await.ended_with(0);
    assert!(run.out.contains("all rows of shop.orders"), "{}", run.out);
    let listed = api.lethe(&["holds", "list", "--json"]).run().await.ended_with(0).json();
    assert_eq!((listed["holds"].as_array().unwrap().len(), &listed["holds"][1]["id"]), (2, &json!(HOLD)));
    let run = api.lethe(&["holds", "show", HOLD]).run().await.ended_with(0);
    assert!(run.out.contains(&format!("to release it: lethe holds release {HOLD}")), "{}", run.out);
    assert_eq!(
        api.lethe(&["holds", "show", HOLD, "--json"]).run().await.ended_with(0).json()["owner"],
        "Legal"
    );
    let asked: Vec<String> = api.0.asked().iter().map(|asked| asked.line()).collect();
    let one = format!("holds/{HOLD}");
    let pages = ["", "active=true&"].map(|active| format!("holds?{active}limit=200"));
    let [all, active] = &pages;
    let (more, more_active) = (format!("{all}&cursor=c%261"), format!("{active}&cursor=c%261"));
    let expected = [active, &more_active, all, &more, &one, &one];
    assert_eq!(asked, expected.map(|rest| format!("GET {}", path(rest))));
}

#[tokio::test]
async fn releasing_a_hold_shows_the_jobs_that_come_of_it() {
    let api = FakeApi::start(|_, _| {
        let mut one = hold(json!({"organisation": true}));
        one["released_at"] = json!("2026-11-22T10:00:00Z");
        Answer::json(200, &json!({"hold": one, "jobs": [{"id": JOB, "links": {}}]}))
    })
    .await;
    let run = api.lethe(&["holds", "release", HOLD]).run().await.ended_with(0);
    assert!(
        run.out.contains("released") && run.out.contains(&format!("lethe jobs show {JOB} --watch")),
        "{}",
        run.out
    );
    assert_eq!(api.0.times(&format!("POST {}", path(&format!("holds/{HOLD}/release")))), 1);
    let document = api.lethe(&["holds", "release", HOLD, "--json"]).run().await.ended_with(0).json();
    assert_eq!(document["jobs"][0]["id"], JOB);
}
