//! Two organisations, four roles, every endpoint: another's token leads to 403 or 404, never to data.

use serde_json::Value;

use crate::support::{Answer, Claims, TestApp};

const BASE: &str = "/api/v1/privacy";

/// Every endpoint that needs a token, for a job.
fn endpoints(job: &str) -> Vec<(&'static str, String)> {
    [
        ("POST", "/export".to_owned()),
        ("GET", "/jobs".to_owned()),
        ("GET", format!("/jobs/{job}")),
        ("POST", format!("/jobs/{job}/cancel")),
        ("POST", format!("/jobs/{job}/retry")),
        ("GET", format!("/jobs/{job}/download")),
        ("GET", format!("/jobs/{job}/events")),
        ("POST", format!("/jobs/{job}/events/ticket")),
        ("GET", "/audit".to_owned()),
        ("GET", format!("/audit?job={job}")),
    ]
    .map(|(method, path)| (method, format!("{BASE}{path}")))
    .into()
}

async fn call(app: &TestApp, token: &str, (method, path): &(&'static str, String)) -> Answer {
    let call = app.call(method, path).token(token).key("k");
    if path.ends_with("/export") { call.json(r#"{"format":"csv"}"#).send().await } else { call.send().await }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoints_tested_here_are_all_there_are() {
    let document = serde_json::to_value(privacy_api::openapi::document()).unwrap();
    let mut described = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if operation.get("security").is_some() {
                described.push(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    let mut tested: Vec<String> = endpoints("{id}")
        .iter()
        .filter(|(_, path)| !path.contains('?'))
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    described.sort();
    tested.sort();
    assert_eq!(described, tested);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organisations_token_never_leads_to_data() {
    let app = TestApp::start().await;
    let open = app.export("acme", "json").await;
    let done = app.export("acme", "both").await;
    let package = app.complete("acme", &done, b"content of acme").await.to_string();
    app.audit_rows("acme", &done, 1, 5).await;
    let secrets = [open.as_str(), &done, &package, "export-acme", "user-of-acme"];
    let before = app.database.text(ALL_JOBS).await;
    for organisation in ["other", "acm", "ACME", "acme ", "%"] {
        for role in ["owner", "member", "privacy_officer", "auditor"] {
            let token = app.token(organisation, role);
            let all = endpoints(&open).into_iter().chain(endpoints(&done));
            // Asking for an export makes a job of the caller's own; see below.
            for endpoint in all.filter(|(_, path)| !path.ends_with("/export")) {
                let answer = call(&app, &token, &endpoint).await;
                let what = format!("{organisation} {role} {endpoint:?} {}", answer.status);
                assert_says_nothing(&answer, &endpoint.1, &secrets, &what);
            }
        }
    }
    assert_eq!(before, app.database.text(ALL_JOBS).await);
    assert_eq!(app.events("link_issued").await, 0);
    // Its own export is its own: the same request is no repetition and no conflict.
    let other = call(&app, &app.token("other", "owner"), &("POST", format!("{BASE}/export"))).await;
    assert_eq!(other.status, 202);
    let seen = app.owner("acme", "GET", &format!("/jobs/{}", other.job())).send().await;
    assert_eq!(seen.status, 404);
}

const ALL_JOBS: &str = "SELECT string_agg(id || state || version, ',' ORDER BY id) FROM privacy_jobs";

/// An answer without data: refused, or an empty list. A refusal repeats the path that was asked for.
fn assert_says_nothing(answer: &Answer, path: &str, secrets: &[&str], what: &str) {
    let expected: &[u16] = if path.contains("/jobs/") { &[403, 404] } else { &[200, 403] };
    assert!(expected.contains(&answer.status), "{what}");
    let text = answer.text().replace(path, "");
    for secret in secrets {
        assert!(!text.contains(secret), "{what}: {text}");
    }
    if answer.status == 200 {
        assert_empty(&answer.json());
    }
}

fn assert_empty(page: &Value) {
    let list = page.get("jobs").or_else(|| page.get("entries")).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 0, "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_what_the_domain_grants() {
    use domain::access::{Permission, Role};
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    app.complete("acme", &job, b"content").await;
    for role in Role::ALL {
        let token = app.token("acme", role.name());
        for endpoint in endpoints(&job) {
            let (method, path) = &endpoint;
            let permission = match (*method, path.as_str()) {
                (_, path) if path.contains("/events") => Permission::ViewJobs,
                ("POST", _) => Permission::Operate,
                (_, path) if path.ends_with("/download") => Permission::Operate,
                (_, path) if path.contains("/audit") => Permission::ViewAudit,
                _ => Permission::ViewJobs,
            };
            let answer = call(&app, &token, &endpoint).await;
            assert_eq!(
                answer.status == 403,
                !role.grants(permission),
                "{role:?} {endpoint:?} {}",
                answer.status
            );
            if answer.status == 403 {
                let needed = if permission == Permission::Operate {
                    "owner"
                } else {
                    "owner or privacy_officer or auditor"
                };
                assert_eq!(answer.problem(), format!("403 missing-role: this needs the role {needed}"));
                assert_eq!(answer.header("www-authenticate"), "Bearer error=\"insufficient_scope\"");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_organisation_comes_from_the_claim_and_nothing_else() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    let token = app.token("other", "owner");
    let call = app
        .call("GET", &format!("{BASE}/jobs/{job}"))
        .token(&token)
        .header("x-organisation-id", "acme")
        .header("organisation", "acme")
        .header("cookie", "organisation_id=acme");
    assert_eq!(call.send().await.status, 404);
    assert_eq!(
        app.call("GET", &format!("{BASE}/jobs?organisation=acme")).token(&token).send().await.status,
        400
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_role_or_an_unknown_one_may_do_nothing() {
    let app = TestApp::start().await;
    for claims in [
        Claims::of("acme", "root"),
        Claims::of("acme", "Owner"),
        Claims::of("acme", "owner").without("roles"),
        Claims::of("acme", "owner").with("roles", serde_json::json!([["owner"], 1, null])),
    ] {
        let token = app.signer.token(&claims);
        for endpoint in endpoints("00000000-0000-0000-0000-000000000000") {
            assert_eq!(call(&app, &token, &endpoint).await.status, 403, "{endpoint:?}");
        }
    }
}
