//! How many exports an organisation may ask for within a period.

use std::time::Duration;

use insta::assert_snapshot;
use privacy_api::config::ExportLimit;

use crate::support::{Answer, TestApp};

const BODIES: [&str; 6] = [
    r#"{"format": "json"}"#,
    r#"{"format": "csv"}"#,
    r#"{"format": "both"}"#,
    r#"{"format": "json", "include_media": true}"#,
    r#"{"format": "csv", "include_media": true}"#,
    r#"{"format": "both", "include_media": true}"#,
];

async fn limited(count: u32) -> TestApp {
    let period = Duration::from_secs(3_600);
    TestApp::start_with(|config| config.limits.exports_per_organisation = ExportLimit { count, period }).await
}

async fn post(app: &TestApp, organisation: &str, key: &str, body: &str) -> Answer {
    app.owner(organisation, "POST", "/export").key(key).json(body).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_answered_with_when_to_come_back() {
    let app = limited(2).await;
    assert_eq!(post(&app, "acme", "k0", BODIES[0]).await.status, 202);
    assert_eq!(post(&app, "acme", "k1", BODIES[1]).await.status, 202);
    let refused = post(&app, "acme", "k2", BODIES[2]).await;
    assert_snapshot!(refused.problem(), @"429 export-limit: the organisation may ask for 2 exports within 1.0 hours; `Retry-After` says when there is room");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((3_500..=3_600).contains(&seconds), "{seconds}");
    assert_eq!(refused.header("ratelimit-policy"), "\"exports\";q=2;w=3600");
    assert_eq!(refused.header("ratelimit"), format!("\"exports\";r=0;t={seconds}"));
    // Repetitions and equal requests are answered as ever, and others have their own limit.
    assert_eq!(post(&app, "acme", "k0", BODIES[0]).await.header("idempotent-replayed"), "true");
    assert_eq!(post(&app, "acme", "k3", BODIES[0]).await.status, 409);
    assert_eq!(post(&app, "other", "k0", BODIES[0]).await.status, 202);
    assert_eq!(app.database.count("privacy_jobs").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_the_same_time_do_not_slip_through() {
    let app = limited(2).await;
    let keys: Vec<String> = (0..24).map(|number| format!("k{number}")).collect();
    let calls = keys.iter().zip(BODIES.iter().cycle()).map(|(key, body)| post(&app, "acme", key, body));
    let answers = futures::future::join_all(calls).await;
    let with = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(with(202), 2);
    assert_eq!(with(202) + with(409) + with(429), answers.len());
    assert_eq!(app.database.count("privacy_jobs").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nought_is_no_limit() {
    let app = limited(0).await;
    for (number, body) in BODIES.iter().enumerate() {
        assert_eq!(post(&app, "acme", &format!("k{number}"), body).await.status, 202);
    }
}
