//! Two organisations, four roles, every endpoint: another's token leads to 403 or 404, never to data.

use serde_json::Value;

use crate::support::{Answer, Claims, TestApp};

const BASE: &str = "/api/v1/privacy";

/// Every endpoint that needs a token, for a job and a hold.
fn endpoints(job: &str, hold: &str) -> Vec<(&'static str, String)> {
    [
        ("POST", "/export".to_owned()),
        ("POST", "/delete".to_owned()),
        ("POST", "/subjects/export".to_owned()),
        ("POST", "/subjects/erase".to_owned()),
        ("GET", "/jobs".to_owned()),
        ("GET", format!("/jobs/{job}")),
        ("POST", format!("/jobs/{job}/cancel")),
        ("POST", format!("/jobs/{job}/retry")),
        ("GET", format!("/jobs/{job}/download")),
        ("GET", format!("/jobs/{job}/events")),
        ("POST", format!("/jobs/{job}/events/ticket")),
        ("GET", format!("/jobs/{job}/plan")),
        ("POST", format!("/jobs/{job}/steps/9/retry")),
        ("POST", format!("/jobs/{job}/steps/9/skip")),
        ("GET", "/holds".to_owned()),
        ("POST", "/holds".to_owned()),
        ("GET", format!("/holds/{hold}")),
        ("POST", format!("/holds/{hold}/release")),
        ("GET", "/audit".to_owned()),
        ("GET", format!("/audit?job={job}")),
    ]
    .map(|(method, path)| (method, format!("{BASE}{path}")))
    .into()
}

async fn call(app: &TestApp, token: &str, (method, path): &(&'static str, String)) -> Answer {
    let call = app.call(method, path).token(token).key("k");
    match body(method, path) {
        Some(body) => call.json(body).send().await,
        None => call.send().await,
    }
}

/// A good body for whatever takes one.
fn body(method: &str, path: &str) -> Option<&'static str> {
    match path.strip_prefix(BASE).unwrap_or(path) {
        "/export" => Some(r#"{"format":"csv"}"#),
        "/delete" => Some(r#"{"confirm_org_name":"Acme & Søn"}"#),
        "/subjects/export" => {
            Some(r#"{"identity_type":"email","identity_value":"ada@example.org","format":"csv"}"#)
        }
        "/subjects/erase" => Some(r#"{"identity_type":"email","identity_value":"ada@example.org"}"#),
        "/holds" if method == "POST" => Some(
            r#"{"scope":{"organisation":true},"ground":"archiving","owner":"archive","review_on":"2999-01-31"}"#,
        ),
        path if path.ends_with("/skip") => Some(r#"{"reason":"risk_accepted"}"#),
        _ => None,
    }
}

/// Whether an endpoint makes something of the caller's own, and looks at nothing that there is.
fn makes(method: &str, path: &str) -> bool {
    method == "POST" && !path.contains("/jobs/") && !path.contains("/holds/")
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
    let mut tested: Vec<String> = endpoints("{id}", "{id}")
        .iter()
        .filter(|(_, path)| !path.contains('?'))
        .map(|(method, path)| format!("{method} {}", path.replace("/steps/9/", "/steps/{step}/")))
        .collect();
    described.sort();
    tested.sort();
    assert_eq!(described, tested);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organisations_token_never_leads_to_data() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let open = app.export("acme", "json").await;
    let done = app.export("acme", "both").await;
    let erasure = app.erasure("acme", "Acme & Søn", r#","grace_period_days":0"#).await;
    app.waits_for_provider("acme", &erasure).await;
    let placed = call(&app, &app.token("acme", "owner"), &("POST", format!("{BASE}/holds"))).await;
    let hold = placed.job();
    let package = app.complete("acme", &done, b"content of acme").await.to_string();
    app.audit_rows("acme", &done, 1, 5).await;
    let secrets =
        [open.as_str(), &done, &erasure, &hold, &package, "export-acme", "user-of-acme", "archive", "Acme"];
    let before = app.database.text(ALL_JOBS).await;
    for organisation in ["other", "acm", "ACME", "acme ", "%"] {
        for role in ["owner", "member", "privacy_officer", "auditor"] {
            let token = app.token(organisation, role);
            let jobs = [&open, &done, &erasure].map(|job| endpoints(job, &hold));
            // What asks for something makes it the caller's own; see below.
            for endpoint in jobs.into_iter().flatten().filter(|(method, path)| !makes(method, path)) {
                let answer = call(&app, &token, &endpoint).await;
                let what = format!("{organisation} {role} {endpoint:?} {}", answer.status);
                assert_says_nothing(&answer, &endpoint.1, &secrets, &what);
            }
        }
    }
    assert_eq!(before, app.database.text(ALL_JOBS).await);
    assert_eq!(app.events("link_issued").await, 0);
    assert_eq!(app.database.count("legal_holds WHERE released_at IS NULL").await, 1);
    // Its own export is its own: the same request is no repetition and no conflict.
    let other = call(&app, &app.token("other", "owner"), &("POST", format!("{BASE}/export"))).await;
    assert_eq!(other.status, 202);
    let seen = app.owner("acme", "GET", &format!("/jobs/{}", other.job())).send().await;
    assert_eq!(seen.status, 404);
}

const ALL_JOBS: &str = "SELECT string_agg(id || state || version, ',' ORDER BY id) FROM privacy_jobs";

/// An answer without data: refused, or an empty list. A refusal repeats the path that was asked for.
fn assert_says_nothing(answer: &Answer, path: &str, secrets: &[&str], what: &str) {
    let of_one = path.contains("/jobs/") || path.contains("/holds/");
    let expected: &[u16] = if of_one { &[403, 404] } else { &[200, 403] };
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
    let list = ["jobs", "entries", "holds"].into_iter().find_map(|name| page.get(name)).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 0, "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_what_the_domain_grants() {
    use domain::access::{Permission, Role};
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let job = app.export("acme", "json").await;
    app.complete("acme", &job, b"content").await;
    for role in Role::ALL {
        let token = app.token("acme", role.name());
        for endpoint in endpoints(&job, &uuid::Uuid::nil().to_string()) {
            let (method, path) = &endpoint;
            let permission = match (*method, path.as_str()) {
                (_, path) if path.contains("/events") => Permission::ViewJobs,
                ("POST", path) if path.contains("/holds") => Permission::ManageHolds,
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
                let needed = match permission {
                    Permission::Operate => "owner",
                    Permission::ManageHolds => "owner or privacy_officer",
                    Permission::ViewJobs | Permission::ViewAudit => "owner or privacy_officer or auditor",
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
        let nobody = uuid::Uuid::nil().to_string();
        for endpoint in endpoints(&nobody, &nobody) {
            assert_eq!(call(&app, &token, &endpoint).await.status, 403, "{endpoint:?}");
        }
    }
}
