//! The API as it is published: the document, the page, the headers of every answer.

use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::TestApp;

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/openapi.json");

#[test]
fn the_published_document_is_the_codes_own() {
    let mut now = serde_json::to_string_pretty(&privacy_api::openapi::document()).unwrap();
    now.push('\n');
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(SNAPSHOT, &now).unwrap();
    }
    let published = std::fs::read_to_string(Path::new(SNAPSHOT)).unwrap_or_default();
    assert!(now == published, "proto/openapi.json differs from the code; UPDATE_OPENAPI=1 rewrites it");
}

fn document() -> Value {
    serde_json::to_value(privacy_api::openapi::document()).unwrap()
}

#[test]
fn every_refusal_is_described_as_a_problem() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut refusals = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
                refusals += 1;
            }
            let guarded = operation.get("security").is_some();
            assert_eq!(guarded, path.starts_with("/api/v1/privacy/"), "{path}");
            assert_eq!(guarded, responses.contains_key("401"), "{path}");
        }
    }
    assert!(refusals > 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_described_is_there_and_answers_other_methods_with_405() {
    let app = TestApp::start().await;
    let token = app.token("acme", "owner");
    for (path, operations) in document()["paths"].as_object().unwrap() {
        let mut allowed: Vec<String> =
            operations.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect();
        allowed.sort();
        let path = path.replace("{id}", "x").replace("{step}", "x").replace("{package_id}", "x");
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "INVENTED"] {
            let answer = app.call(method, &path).token(&token).send().await;
            if allowed.iter().any(|name| name == method) {
                assert_ne!(answer.status, 405, "{method} {path}");
                continue;
            }
            assert_eq!(answer.status, 405, "{method} {path}");
            let mut named: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
            named.sort_unstable();
            assert_eq!(named, allowed, "{method} {path}");
            if method != "HEAD" {
                assert!(answer.problem().starts_with("405 method-not-allowed: "));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_headers_that_protect_it() {
    let app = TestApp::start().await;
    for (method, path) in [
        ("GET", "/api/v1/privacy/jobs"),
        ("GET", "/api/v1/openapi.json"),
        ("GET", "/nothing"),
        ("GET", "/docs/"),
        ("DELETE", "/docs/"),
        ("GET", "/download/x"),
    ] {
        let answer = app.call(method, path).send().await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(uuid::Uuid::parse_str(answer.header("x-request-id")).is_ok(), "{path}");
        assert_eq!(answer.header("strict-transport-security"), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_are_problems() {
    let app = TestApp::start().await;
    let owner = app.owner("acme", "GET", "/nothing?secret=1").send().await;
    assert_snapshot!(owner.problem(), @"404 no-such-path: there is nothing at this path; /docs lists what there is");
    assert_eq!(owner.json()["instance"], "/api/v1/privacy/nothing");
    for path in [
        "/",
        "/api",
        "/api/v1/privacy/",
        "/api/v1/privacy",
        "/download",
        "/docs/nothing.js",
        "/docs/../Cargo.toml",
    ] {
        let answer = app.call("GET", path).token(&app.token("acme", "owner")).send().await;
        assert!(answer.problem().starts_with("404 no-such-path: "), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_and_its_page_need_no_token_and_nothing_from_elsewhere() {
    let app = TestApp::start().await;
    let answer = app.call("GET", "/api/v1/openapi.json").send().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.json(), document());
    let folder = app.call("GET", "/docs").send().await;
    assert_eq!((folder.status, folder.header("location")), (308, "/docs/"));
    let page = app.call("GET", "/docs/").send().await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html"));
    let text = page.text();
    assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("<script>"), "{text}");
    assert!(page.header("content-security-policy").contains("script-src 'self';"));
    let initializer = app.call("GET", "/docs/swagger-initializer.js").send().await;
    assert!(initializer.text().contains("../api/v1/openapi.json"));
    assert!(initializer.text().contains("\"validatorUrl\": \"none\""), "{}", initializer.text());
    assert_eq!(app.call("GET", "/docs/swagger-ui-bundle.js").send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_route_and_never_by_path() {
    let metrics = telemetry::metrics::Metrics::new();
    let counted = privacy_api::frame::HttpMetrics::new(&metrics).unwrap();
    let app = TestApp::start().await;
    let mut state = app.state.clone();
    state.metrics = counted;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = privacy_api::server(listener, state).unwrap();
    let handle = server.handle();
    tokio::spawn(server);
    let token = app.token("acme", "owner");
    for path in ["/api/v1/privacy/jobs/one", "/api/v1/privacy/jobs/two", "/somewhere", "/elsewhere"] {
        app.call("GET", &format!("{address}{path}")).token(&token).send().await;
    }
    app.call("INVENTED", &format!("{address}/somewhere")).send().await;
    drop(handle.stop(false));
    let text = metrics.render().unwrap();
    for line in [
        r#"lethe_http_requests_total{code="404",method="GET",route="/api/v1/privacy/jobs/{id}"} 2"#,
        r#"lethe_http_requests_total{code="404",method="GET",route="unmatched"} 2"#,
        r#"lethe_http_requests_total{code="404",method="OTHER",route="unmatched"} 1"#,
        r#"lethe_http_request_duration_seconds_count{method="GET",route="unmatched"} 2"#,
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
