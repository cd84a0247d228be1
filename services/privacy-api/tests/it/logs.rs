//! What reaches the log: a line for each request, and nothing about persons.

use serde_json::Value;

use crate::support::{Claims, TestApp, captured};

fn lines_of(request_id: &str) -> Vec<Value> {
    let captured = captured();
    let lines = captured.lines().filter(|line| line.contains(request_id));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_has_one_line_with_route_status_and_duration() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    let id = uuid::Uuid::now_v7().to_string();
    let call = app.owner("acme", "GET", &format!("/jobs/{job}?x=1")).header("x-request-id", &id);
    let answer =
        call.header("traceparent", "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").send().await;
    assert_eq!((answer.status, answer.header("x-request-id")), (200, id.as_str()));
    let lines: Vec<Value> = lines_of(&id).into_iter().filter(|line| line["message"] == "request").collect();
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!(line["http.request.method"], "GET");
    assert_eq!(line["http.route"], "/api/v1/privacy/jobs/{id}");
    assert_eq!(line["http.response.status_code"], 200);
    assert_eq!(line["trace_id"], "1af7651916cd43dd8448eb211c80319c");
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
    assert!(!line.to_string().contains(&job));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_callers_send_reaches_the_log() {
    let app = TestApp::start().await;
    let subject = "zanary.person@example.com";
    let token = app.signer.token(
        &Claims::of("zanary-organisation", "owner").with("sub", subject).with("name", "Zanary Person"),
    );
    let call = |method: &str, path: &str| {
        app.call(method, path)
            .token(&token)
            .header("x-request-id", subject)
            .header("traceparent", "00-2af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            .header("tracestate", "vendor=zanary")
    };
    let export = "/api/v1/privacy/export";
    let created = call("POST", export).key("zanary-key").json(r#"{"format":"json"}"#).send().await;
    assert_ne!(created.header("x-request-id"), subject);
    let job = created.job();
    app.complete("zanary-organisation", &job, b"zanary content").await;
    for (method, path, body) in [
        ("POST", export, r#"{"format":"zanary"}"#),
        ("POST", export, r#"{"zanary":1}"#),
        ("POST", export, "zanary"),
        ("GET", "/api/v1/privacy/jobs?zanary=zanary&cursor=zanary&state=zanary", ""),
        ("GET", "/api/v1/privacy/jobs/zanary", ""),
        ("GET", "/users/zanary?name=zanary", ""),
        ("ZANARY", "/api/v1/privacy/jobs", ""),
        ("GET", "/download/zanary?organisation=zanary&signature=zanary", ""),
    ] {
        let answer = call(method, path).key("zanary-key-2").json(body).send().await;
        assert!(answer.status >= 400, "{path}");
    }
    let bad = app.call("GET", "/api/v1/privacy/jobs").token(&format!("{token}zanary")).send().await;
    assert_eq!(bad.status, 401);
    let link = call("GET", &format!("/api/v1/privacy/jobs/{job}/download"))
        .send()
        .await
        .header("location")
        .to_owned();
    assert_eq!(app.call("GET", &link).send().await.bytes, b"zanary content");
    let signature = link.split("signature=").nth(1).unwrap();
    // Nor any row: what callers send beside a trace's number is theirs.
    let kept = "SELECT coalesce(string_agg(t, ''), '') FROM ( \
                    SELECT trace_headers::text FROM privacy_jobs UNION ALL SELECT headers::text FROM outbox) kept (t)";
    let kept = app.database.text(kept).await;
    assert!(kept.contains("2af7651916cd43dd8448eb211c80319c") && !kept.contains("zanary"), "{kept}");
    let captured = captured();
    let last = token.rsplit('.').next().unwrap();
    for secret in ["zanary", "Zanary", "ZANARY", last, signature, "postgres://"] {
        let line = captured.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
    assert!(captured.lines().count() > 10);
}
