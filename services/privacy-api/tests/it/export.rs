//! `POST /export`: accepted once, however often it is sent.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Answer, TestApp};

const BODY: &str = r#"{"include_media": false, "format": "json"}"#;

async fn post(app: &TestApp, key: &str, body: &str) -> Answer {
    app.owner("acme", "POST", "/export").key(key).json(body).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_accepted_with_its_address_event_and_message() {
    let app = TestApp::start().await;
    let answer = post(&app, "\"k1\"", BODY).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let job = answer.job();
    let path = format!("/api/v1/privacy/jobs/{job}");
    assert_eq!(answer.header("location"), path);
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.header("idempotent-replayed"), "");
    let body = answer.json();
    assert_eq!(
        (&body["state"], &body["status"], &body["version"]),
        (&json!("pending"), &json!("pending"), &json!(1))
    );
    assert_eq!(body["request"], json!({"include_media": false, "format": "json"}));
    assert_eq!(body["links"], json!({"self": path, "cancel": format!("{path}/cancel")}));
    assert_eq!(app.database.count("outbox WHERE kind = 'audit.event' AND job_version = 1").await, 1);
    assert_eq!(app.database.count("outbox WHERE kind = 'step.due'").await, 1);
    let requested = "SELECT requested_by || ' as ' || requested_role FROM privacy_jobs";
    assert_eq!(app.database.text(requested).await, "user-of-acme as owner");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_again_is_the_same_job() {
    let app = TestApp::start().await;
    let first = post(&app, "\"k1\"", BODY).await;
    // A bare token is the same key as a quoted string.
    let again = post(&app, "k1", BODY).await;
    assert_eq!((again.status, again.job()), (202, first.job()));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("idempotent-replayed"), "true");
    // Even when the job has ended since.
    app.set_state(&first.job(), "cancelled").await;
    assert_eq!(post(&app, "k1", BODY).await.job(), first.job());
    assert_eq!(app.database.count("privacy_jobs").await, 1);
    let other_body = post(&app, "k1", r#"{"format": "csv"}"#).await;
    assert_snapshot!(other_body.problem(), @"422 idempotency-key-reused: this key came with other parameters before; use a new key for a new request");
    // A key is the caller's own: another organisation's is another.
    let other = app.owner("other", "POST", "/export").key("k1").json(r#"{"format": "csv"}"#).send().await;
    assert_eq!((other.status, other.header("idempotent-replayed")), (202, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_with_one_key_are_one_job() {
    let app = TestApp::start().await;
    let calls = (0..20).map(|_| post(&app, "k1", BODY));
    let answers = futures::future::join_all(calls).await;
    let jobs: std::collections::HashSet<String> = answers.iter().map(Answer::job).collect();
    let created = answers.iter().filter(|answer| answer.header("idempotent-replayed").is_empty()).count();
    assert_eq!((jobs.len(), created), (1, 1));
    assert_eq!(app.database.count("privacy_jobs").await, 1);
    assert_eq!(app.database.count("outbox").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_equal_export_is_refused_while_one_is_open() {
    let app = TestApp::start().await;
    let first = post(&app, "k1", BODY).await;
    let equal = post(&app, "k2", BODY).await;
    assert_snapshot!(equal.problem(), @"409 equal-job-open: wait for the open job, or cancel it first");
    assert_eq!(equal.header("location"), first.header("location"));
    assert_eq!(equal.json()["job"], first.header("location"));
    // Another format is another request, another organisation's is its own matter.
    assert_eq!(post(&app, "k3", r#"{"format": "csv"}"#).await.status, 202);
    assert_eq!(app.owner("other", "POST", "/export").key("k2").json(BODY).send().await.status, 202);
    // Once the first has ended, the key that was refused can be used.
    app.set_state(&first.job(), "cancelled").await;
    let next = post(&app, "k2", BODY).await;
    assert_eq!((next.status, next.header("idempotent-replayed")), (202, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_equal_requests_at_once_are_one_job() {
    let app = TestApp::start().await;
    let keys: Vec<String> = (0..20).map(|number| format!("k{number}")).collect();
    let answers = futures::future::join_all(keys.iter().map(|key| post(&app, key, BODY))).await;
    let accepted: Vec<String> =
        answers.iter().filter(|answer| answer.status == 202).map(Answer::job).collect();
    assert_eq!(accepted.len(), 1);
    let path = format!("/api/v1/privacy/jobs/{}", accepted[0]);
    for refused in answers.iter().filter(|answer| answer.status != 202) {
        assert_eq!((refused.status, refused.header("location")), (409, path.as_str()), "{}", refused.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_wrong_is_pointed_to() {
    let app = TestApp::start().await;
    let wrong = async |body: &str| post(&app, "k1", body).await.problem();
    assert_snapshot!(wrong(r#"{"format": "xml"}"#).await, @"400 invalid-body: the body is not what is expected; see `errors` [/format: expected one of `json`, `csv`, `both`]");
    assert_snapshot!(wrong(r#"{"format": "json", "colour": 1}"#).await, @"400 invalid-body: the body is not what is expected; see `errors` [/colour: there is no such member; expected one of `include_media`, `format`, `encryption`, `label`, `external_reference`]");
    assert_snapshot!(wrong("{}").await, @"400 invalid-body: the body is not what is expected; see `errors` [/format: this member is missing]");
    assert_snapshot!(wrong("[]").await, @"400 invalid-body: the body is not what is expected; see `errors` [: expected a JSON object]");
    assert_snapshot!(wrong("{").await, @"400 invalid-body: the body is not what is expected; see `errors` [: the body is not JSON from line 1, column 1 on]");
    assert_snapshot!(wrong("").await, @"400 invalid-body: the body is not what is expected; see `errors` [: the body is not JSON from line 1, column 0 on]");
    assert_eq!(app.database.count("privacy_jobs").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_type_or_size_is_not_read() {
    let app = TestApp::start().await;
    let call = || app.owner("acme", "POST", "/export").key("k1");
    let large = format!("{{\"format\": \"json\"{}}}", " ".repeat(20_000));
    assert_snapshot!(call().json(&large).send().await.problem(), @"413 body-too-large: a body may have 16384 bytes at most");
    let chunks = futures::stream::iter(vec![Ok::<_, std::io::Error>(large.clone().into_bytes())]);
    let unannounced =
        call().header("content-type", "application/json").body(reqwest::Body::wrap_stream(chunks));
    let answer = unannounced.send().await;
    assert_eq!((answer.status, answer.header("connection")), (413, "close"));
    for (name, value) in [("content-type", "text/plain"), ("content-type", "application/json-patch+json")] {
        let answer = call().header(name, value).body(BODY).send().await;
        assert_eq!(
            answer.problem(),
            "415 media-type: send the body as Content-Type: application/json, not encoded"
        );
        assert_eq!(answer.header("accept"), "application/json");
    }
    assert_eq!(call().body(BODY).send().await.status, 415);
    assert_eq!(call().json(BODY).header("content-encoding", "gzip").send().await.status, 415);
    let charset = call().header("content-type", "Application/JSON; charset=utf-8").body(BODY).send().await;
    assert_eq!(charset.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_comes_must_be_one() {
    let app = TestApp::start().await;
    let call = || app.owner("acme", "POST", "/export").json(BODY);
    assert_snapshot!(call().key("a").key("b").send().await.problem(), @"400 idempotency-key: send one Idempotency-Key header, not several");
    for key in ["", "\"", "two words", "\"two words\"", &"a".repeat(201)] {
        assert_eq!(
            call().key(key).send().await.problem(),
            "400 idempotency-key: an Idempotency-Key is a quoted string or a bare token of 1 to 200 visible ASCII characters"
        );
    }
    assert_eq!(app.database.count("privacy_jobs").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_goes_on_with_the_callers_trace() {
    let app = TestApp::start().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let call = app.owner("acme", "POST", "/export").key("k1").json(BODY);
    let answer = call.header("traceparent", &format!("00-{trace}-b7ad6b7169203331-01")).send().await;
    assert_eq!(answer.status, 202);
    let with_trace =
        |table: &str, column: &str| format!("{table} WHERE {column}->>'traceparent' LIKE '00-{trace}-%'");
    assert_eq!(app.database.count(&with_trace("outbox", "headers")).await, 2);
    assert_eq!(app.database.count(&with_trace("privacy_jobs", "trace_headers")).await, 1);
    // The parent of what follows is our span, not the caller's.
    assert_eq!(app.database.count("outbox WHERE headers->>'traceparent' LIKE '%b7ad6b7169203331%'").await, 0);
    let refused = app.owner("acme", "POST", "/export").key("k2").json(BODY);
    let refused = refused.header("traceparent", &format!("00-{trace}-b7ad6b7169203331-01")).send().await;
    assert_eq!(refused.json()["trace_id"], trace);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_request_works_and_the_equal_open_job_is_its_answer() {
    let app = TestApp::start().await;
    let plain = async |body: &str| app.owner("acme", "POST", "/export").json(body).send().await;
    let first = plain(BODY).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (202, ""), "{}", first.text());
    let again = plain(r#"{ "format":"json" }"#).await;
    assert_eq!((again.status, again.job()), (202, first.job()));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("location"), first.header("location"));
    assert_ne!(plain(r#"{"format": "csv"}"#).await.job(), first.job());
    assert_eq!(post(&app, "k1", BODY).await.status, 409, "with a key the open job is another's");
    app.set_state(&first.job(), "cancelled").await;
    assert_ne!(plain(BODY).await.job(), first.job(), "nothing is open any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_plain_requests_at_once_are_one_job() {
    let app = TestApp::start().await;
    let calls = (0..20).map(|_| app.owner("acme", "POST", "/export").json(BODY).send());
    let answers = futures::future::join_all(calls).await;
    let jobs: std::collections::HashSet<String> = answers.iter().map(Answer::job).collect();
    assert_eq!(jobs.len(), 1);
    assert_eq!(app.database.count("privacy_jobs").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_key_parameters_are_compared_and_not_bytes() {
    let app = TestApp::start().await;
    let first = post(&app, "k1", BODY).await;
    for same in
        [r#"{"format":"json","include_media":false}"#, r#"{"format":"json"}"#, "{\n\"format\": \"json\"}"]
    {
        let again = post(&app, "k1", same).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (202, "true"), "{}", again.text());
        assert_eq!(again.job(), first.job());
    }
    for other in [r#"{"format":"json","include_media":true}"#, r#"{"format":"json","label":"DSR-7"}"#] {
        assert_eq!(post(&app, "k1", other).await.status, 422, "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_an_earlier_version_kept_with_the_bytes_still_names_its_job() {
    use sha2::Digest as _;
    let app = TestApp::start().await;
    let first = post(&app, "k1", BODY).await;
    let bytes: String = sha2::Sha256::digest(BODY).iter().map(|byte| format!("{byte:02x}")).collect();
    let kept = format!("UPDATE idempotency_keys SET body_sha256 = '\\x{bytes}'");
    app.database.admin.batch_execute(&kept).await.unwrap();
    let again = post(&app, "k1", BODY).await;
    assert_eq!((again.status, again.job()), (202, first.job()), "{}", again.text());
    assert_eq!(post(&app, "k1", r#"{"format":"csv"}"#).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_says_what_it_is_and_what_its_caller_calls_it() {
    let app = TestApp::start().await;
    let body =
        r#"{"format":"json","include_media":true,"label":"Q3 audit","external_reference":"DSR-2026-0117"}"#;
    let made = app.owner("acme", "POST", "/export").json(body).send().await;
    let about = json!({"title": "export of the organisation", "kind": "export", "whose": "organisation",
        "dry_run": false, "scope": {"media": true}, "label": "Q3 audit", "external_reference": "DSR-2026-0117"});
    assert_eq!(made.json()["about"], about);
    let seen = app.owner("acme", "GET", &format!("/jobs/{}", made.job())).send().await.json();
    assert_eq!(seen["about"], about);
    assert_eq!(seen["request"], json!({"include_media": true, "format": "json"}), "names are no part of it");
    let listed = app.owner("acme", "GET", "/jobs").send().await.json();
    assert_eq!(listed["jobs"][0]["about"], about);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_could_be_somebody_are_pointed_to() {
    let app = TestApp::start().await;
    for (member, text) in [
        ("label", "ada@example.org"),
        ("external_reference", "0049 30 1234567"),
        ("label", "192.168.10.20"),
        ("external_reference", ""),
        ("label", "Søn"),
    ] {
        let body = json!({"format": "json", member: text});
        let answer = app.owner("acme", "POST", "/export").json(&body.to_string()).send().await;
        let problem = answer.problem();
        assert!(
            problem.starts_with("422 unusable-values: ") && problem.contains(&format!("[/{member}: ")),
            "{problem}"
        );
        assert!(text.is_empty() || !answer.text().contains(text), "{problem}");
    }
    assert_eq!(app.database.count("privacy_jobs").await, 0);
}
