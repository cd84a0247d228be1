//! An erasure from request to verification, through the public API and five running services.

use std::collections::BTreeMap;

use contracts::http::JobView;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::Provider;
use tests::{Api, Database, Options, Servers, System, eventually};
use uuid::Uuid;

use crate::support::{PATIENCE, audited, downloaded, vantage};

const TABLES: [&str; 13] = [
    "organisations",
    "users",
    "memberships",
    "userDevices",
    "conversations",
    "messages",
    "media_assets",
    "contents",
    "schedules",
    "metrics",
    "logs",
    "oauth_tokens",
    "safety_events",
];

/// One digest of the rows of each table of an organisation.
async fn digests(subjects: &Database, organisation: Uuid) -> BTreeMap<&'static str, Option<String>> {
    let mut digests = BTreeMap::new();
    for table in TABLES {
        let from = sample::rows_of_organisation(table).unwrap();
        let sql = format!("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) {from}");
        digests.insert(table, subjects.client.query_one(&sql, &[&organisation]).await.unwrap().get(0));
    }
    digests
}

/// A system whose tokens are revoked at one provider.
async fn system(sizes: &[u64]) -> (System, sample::Seeded, Provider) {
    let servers = Servers::shared().unwrap();
    let (subjects, seeded) = vantage(&servers.pg_url, sizes).await;
    let provider = Provider::start().await;
    let names = ["calendar", "drive", "crm", "mail"];
    let providers = names.map(|name| (name.to_owned(), provider.endpoint())).to_vec();
    let options = Options { providers, batch_rows: 500, ..Options::default() };
    (System::start(servers, subjects, &options).await.unwrap(), seeded, provider)
}

async fn name_of(system: &System, organisation: Uuid) -> String {
    let sql = "SELECT name FROM organisations WHERE id = $1";
    system.subjects.client.query_one(sql, &[&organisation]).await.unwrap().get(0)
}

/// Sends a request that must be accepted; the answer.
async fn accepted(api: &Api, path: &str, body: Value) -> Value {
    let response = api.send(Method::POST, path, Some(body)).await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap()
}

async fn delete(api: &Api, name: &str, more: Value) -> Uuid {
    let mut body = json!({"confirm_org_name": name, "delete_media": false, "grace_period_days": 0});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    id(&accepted(api, "/delete", body).await)
}

/// The id of an answer.
fn id(answer: &Value) -> Uuid {
    answer.get("id").and_then(Value::as_str).unwrap().parse().unwrap()
}

async fn completed(api: &Api, job: Uuid) -> JobView {
    let job = api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap();
    assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_is_erased_after_its_plan_was_read_and_its_tokens_were_revoked() {
    let (system, seeded, provider) = system(&[2_500, 900]).await;
    let (one, other) = (seeded.organisations[0].id, seeded.organisations[1].id);
    let before = digests(&system.subjects, other).await;
    let api = system.api(&one.to_string(), "owner").unwrap();
    let name = name_of(&system, one).await;

    let wrong = json!({"confirm_org_name": name.to_uppercase(), "delete_media": false});
    let wrong = api.send(Method::POST, "/delete", Some(wrong)).await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!wrong.text().await.unwrap().contains(&name), "the name is not given away");

    let dry = completed(&api, delete(&api, &name, json!({"dry_run": true})).await).await;
    let own = digests(&system.subjects, one).await;
    let plan = api.send(Method::GET, &format!("/jobs/{}/plan", dry.summary.id), None).await.unwrap();
    let plan: Value = plan.error_for_status().unwrap().json().await.unwrap();
    assert_eq!(plan["plan_hash"].as_str().unwrap().len(), 64);
    assert!(plan["collections"].as_array().unwrap().len() > 8, "{plan}");
    assert_eq!(digests(&system.subjects, one).await, own, "a dry run changes nothing");

    provider.set_down(true);
    let job = delete(&api, &name, json!({})).await;
    let waiting = eventually(PATIENCE, "the job waits for the provider", || async {
        let job = api.job(job).await?;
        let step = job.steps.iter().find(|step| step.kind == "revoke_tokens");
        let failed = step.and_then(|step| step.failure.clone());
        Ok(failed.filter(|failure| failure.code == "provider_unavailable").map(|_| job))
    })
    .await
    .unwrap();
    // Another attempt may have begun since; what it waits for is shown all the same.
    assert!(["retrying", "running"].contains(&waiting.summary.state.as_str()), "{}", waiting.summary.state);
    provider.set_down(false);
    let step = waiting.steps.iter().find(|step| step.kind == "revoke_tokens").unwrap().step_no;
    // The step may have been begun by itself meanwhile; then there is nothing to hurry.
    let hurried = api.send(Method::POST, &format!("/jobs/{job}/steps/{step}/retry"), None).await.unwrap();
    assert!(
        hurried.status().is_success() || hurried.status() == StatusCode::CONFLICT,
        "{}",
        hurried.status()
    );

    let job = completed(&api, job).await;
    assert!(!provider.accepted().is_empty());
    assert_eq!(digests(&system.subjects, other).await, before);
    let tokens = format!("SELECT count(*) FROM oauth_tokens WHERE organisation_id = '{one}'");
    assert_eq!(system.subjects.number(&tokens).await.unwrap(), 0);
    let journal = format!(
        "SELECT sum(rows)::int8 FROM lethe.journal WHERE job_id = '{}' AND step_no > 1",
        job.summary.id
    );
    assert_eq!(system.subjects.number(&journal).await.unwrap(), job.progress.rows_done);
    let actions = audited(&system, &job).await;
    assert_eq!((actions[0].as_str(), actions.last().unwrap().as_str()), ("job.created", "job.completed"));
    assert!(actions.iter().any(|action| action == "job.verifying"));
    let logged = format!("SELECT sum(rows)::int8 FROM audit_logs WHERE job_id = '{}'", job.summary.id);
    assert_eq!(system.control.number(&logged).await.unwrap(), job.progress.rows_done);
}

/// What is held, by queries whose answers must not change, and the holds that say so.
struct Held {
    queries: Vec<String>,
    scopes: Vec<Value>,
    /// Whose rows are held.
    user: i64,
}

/// One conversation, one person, and the rows of a predicate.
async fn held(system: &System, one: Uuid) -> Held {
    let client = &system.subjects.client;
    let conversation = "SELECT id::text FROM conversations WHERE organisation_id = $1 ORDER BY id LIMIT 1";
    let conversation: String = client.query_one(conversation, &[&one]).await.unwrap().get(0);
    let person = "SELECT u.id, u.email::text FROM users u JOIN memberships m ON m.user_id = u.id \
                  WHERE m.organisation_id = $1 AND u.email ~ '^[a-zA-Z0-9.]+@' \
                    AND NOT EXISTS (SELECT FROM memberships o WHERE o.user_id = u.id AND o.organisation_id <> $1) \
                  ORDER BY u.id LIMIT 1";
    let person = client.query_one(person, &[&one]).await.unwrap();
    let (user, email): (i64, String) = (person.get(0), person.get(1));
    let rows = |collection: &str, column: &str, operator: &str, value: &str| {
        let comparison = json!({"column": column, "operator": operator, "value": value});
        json!({"rows": {"collection": collection, "comparisons": [comparison]}})
    };
    Held {
        queries: vec![
            format!("SELECT md5(t::text) FROM conversations t WHERE id = '{conversation}'"),
            format!("SELECT md5(t::text) FROM users t WHERE id = {user}"),
            format!(
                "SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM logs t \
                 WHERE organisation_id = '{one}' AND status >= 500"
            ),
        ],
        scopes: vec![
            rows("vantage.conversations", "id", "equal", &conversation),
            json!({"subject": {"identity_type": "email", "identity_value": email}}),
            rows("vantage.logs", "status", "at_least", "500"),
        ],
        user,
    }
}

/// What the queries answer now.
async fn seen(system: &System, queries: &[String]) -> Vec<Option<String>> {
    let mut seen = Vec::new();
    for sql in queries {
        let row = system.subjects.client.query_opt(sql, &[]).await.unwrap();
        seen.push(row.and_then(|row| row.get(0)));
    }
    seen
}

/// Releases a hold, and waits for the erasure of what it had kept.
async fn release(api: &Api, hold: Uuid) {
    let released = accepted(api, &format!("/holds/{hold}/release"), json!({})).await;
    let jobs = released.get("jobs").and_then(Value::as_array).cloned().unwrap_or_default();
    let [job] = jobs.as_slice() else { panic!("one job for one erasure: {released}") };
    let job = job.as_str().map_or_else(|| id(job), |id| id.parse().unwrap());
    completed(api, job).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn held_rows_survive_are_listed_and_are_erased_after_the_release() {
    let (system, seeded, _provider) = system(&[2_000, 600]).await;
    let one = seeded.organisations[0].id;
    let held = held(&system, one).await;
    let before = seen(&system, &held.queries).await;
    assert!(before.iter().all(Option::is_some), "{before:?}");
    let api = system.api(&one.to_string(), "owner").unwrap();
    let mut holds = Vec::new();
    for scope in &held.scopes {
        let body =
            json!({"scope": scope, "ground": "legal_claims", "owner": "legal", "review_on": "2027-06-30"});
        holds.push(id(&accepted(&api, "/holds", body).await));
    }
    let name = name_of(&system, one).await;
    let job = completed(&api, delete(&api, &name, json!({})).await).await;
    assert_eq!(seen(&system, &held.queries).await, before);
    assert!(holds.iter().all(|hold| job.retained.iter().any(|kept| kept.hold == *hold && kept.rows > 0)));
    assert!(job.retained.iter().all(|kept| kept.ground == "legal_claims"));
    let others = format!(
        "SELECT count(*) FROM logs WHERE organisation_id = '{one}' AND (status < 500 OR status IS NULL) \
           AND actor_id IS DISTINCT FROM {} AND family(ip) = 4 AND masklen(ip) > 24",
        held.user
    );
    assert_eq!(system.subjects.number(&others).await.unwrap(), 0, "what is not held is erased");

    for hold in holds {
        release(&api, hold).await;
    }
    let after = seen(&system, &held.queries).await;
    assert!(before.iter().zip(&after).all(|(before, after)| before != after), "{after:?}");
    let job = api.job(job.summary.id).await.unwrap();
    assert!(job.retained.iter().all(|kept| kept.erased_by.is_some()), "{:?}", job.retained);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_receives_what_is_theirs_and_nothing_else() {
    let (system, seeded, _provider) = system(&[1_500, 600]).await;
    let one = seeded.organisations[0].id;
    let person = "SELECT u.id, u.email::text FROM users u JOIN memberships m ON m.user_id = u.id \
                  WHERE m.organisation_id = $1 AND u.email ~ '^[a-zA-Z0-9.]+@' ORDER BY u.id LIMIT 1";
    let person = system.subjects.client.query_one(person, &[&one]).await.unwrap();
    let (user, email): (i64, String) = (person.get(0), person.get(1));
    let api = system.api(&one.to_string(), "owner").unwrap();
    let body = |email: &str| json!({"identity_type": "email", "identity_value": email, "format": "json", "include_media": false});
    let job = id(&accepted(&api, "/subjects/export", body(&email.to_uppercase())).await);
    let job = completed(&api, job).await;
    assert!(!serde_json::to_string(&job).unwrap().contains(&email), "the job does not say who it is");
    let mut archive = downloaded(&api, job.summary.id).await;
    let users = archive.json("users");
    assert_eq!(users.len(), 1);
    assert_eq!(users[0]["email"], json!(email).to_string());
    let messages = archive.manifest().files.iter().map(|file| file.rows).sum::<u64>();
    assert_eq!(i64::try_from(messages).unwrap(), job.progress.rows_done);
    let tokens =
        format!("SELECT count(*) FROM oauth_tokens WHERE organisation_id = '{one}' AND user_id = {user}");
    let tokens = system.subjects.number(&tokens).await.unwrap();
    let exported = archive
        .manifest()
        .files
        .iter()
        .find(|file| file.collection == "oauth_tokens")
        .map_or(0, |file| file.rows);
    assert_eq!(i64::try_from(exported).unwrap(), tokens);

    let elsewhere = system.api(&seeded.organisations[1].id.to_string(), "owner").unwrap();
    let nobody = id(&accepted(&elsewhere, "/subjects/export", body("nobody@nowhere.example")).await);
    let nobody = completed(&elsewhere, nobody).await;
    assert_eq!(nobody.progress.rows_done, 0, "who is not found receives nothing");
}
