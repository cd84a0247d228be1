//! `POST /subjects/erase` and `/subjects/export`: one person, whom nobody but a worker gets to know.

use insta::assert_snapshot;
use packages::{KeyRing, SealedFor};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{Answer, Claims, TestApp, captured};

const EXPORT: &str = "/subjects/export";
const ERASE: &str = "/subjects/erase";

async fn post(app: &TestApp, path: &str, key: &str, body: &Value) -> Answer {
    app.owner("acme", "POST", path).key(key).json(&body.to_string()).send().await
}

fn of(identity_type: &str, value: &str) -> Value {
    json!({"identity_type": identity_type, "identity_value": value})
}

fn export_of(identity_type: &str, value: &str) -> Value {
    json!({"identity_type": identity_type, "identity_value": value, "format": "json"})
}

fn ring() -> KeyRing {
    let key = SecretString::from("a sealing key of the test with 32 bytes and more");
    KeyRing::new("k1", [("k1".to_owned(), key)]).unwrap()
}

/// What was sealed for a job.
async fn opened(app: &TestApp, job: &str) -> Value {
    let sealed = app
        .database
        .text(&format!("SELECT encode(sealed, 'hex') FROM job_secrets WHERE job_id = '{job}'"))
        .await;
    let sealed: Vec<u8> =
        (0..sealed.len()).step_by(2).map(|at| u8::from_str_radix(&sealed[at..at + 2], 16).unwrap()).collect();
    let target = SealedFor { organisation: "acme", job_id: job.parse().unwrap() };
    serde_json::from_str(ring().open(target, &sealed).unwrap().expose_secret()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_erasure_begins_at_once_under_a_tag() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let answer = post(&app, ERASE, "k1", &of("email", " Ada@Example.ORG ")).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let body = answer.json();
    assert_eq!((&body["kind"], &body["state"]), (&json!("erasure"), &json!("pending")));
    let tag = ring().tag("acme", b"email\0ada@example.org").unwrap();
    let tag: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        body["request"],
        json!({"subject": {"identity_type": "email", "tag": tag}, "delete_media": false,
            "grace_period_days": 0, "dry_run": false})
    );
    assert_eq!(body["steps"].as_array().unwrap().len(), 1);
    assert_eq!(opened(&app, &answer.job()).await, json!({"identity_value": "ada@example.org"}));
    // However it is written, it is the same person; in another organisation it is another.
    let same = post(&app, ERASE, "k2", &of("email", "ADA@EXAMPLE.ORG")).await;
    assert!(same.problem().starts_with("409 equal-job-open: "));
    let other = app.owner("other", "POST", ERASE).key("k1").json(&of("email", "ada@example.org").to_string());
    let other = other.send().await;
    assert_eq!(other.status, 202);
    assert_ne!(other.json()["request"]["subject"]["tag"], json!(tag));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_erasure_may_wait_and_marks_nobody_as_deleted() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let mut body = of("phone_number", "+49 (30) 1234-567");
    body["grace_period_days"] = json!(3);
    let answer = post(&app, ERASE, "k1", &body).await;
    let shown = answer.json();
    assert_eq!(shown["state"], "scheduled");
    assert_eq!(
        (&shown["steps"][0]["kind"], shown["steps"].as_array().unwrap().len()),
        (&json!("plan_erasure"), 1)
    );
    assert_eq!(opened(&app, &answer.job()).await, json!({"identity_value": "+49301234567"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_export_seals_passphrase_and_person_together_and_counts_as_an_export() {
    let (app, _shop) =
        TestApp::start_with_shop(|config| config.limits.exports_per_organisation.count = 1).await;
    let mut body = export_of("customer_id", "42");
    body["encryption"] = json!({"passphrase": "zanzibar horse battery staple"});
    let answer = post(&app, EXPORT, "k1", &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let request = &answer.json()["request"];
    assert_eq!((&request["encryption"], &request["format"]), (&json!("passphrase"), &json!("json")));
    assert_eq!(request["subject"]["identity_type"], "customer_id");
    let sealed = json!({"identity_value": "42", "passphrase": "zanzibar horse battery staple"});
    assert_eq!(opened(&app, &answer.job()).await, sealed);
    let again = post(&app, EXPORT, "k1", &body).await;
    assert_eq!((again.status, again.job()), (202, answer.job()));
    let another = post(&app, EXPORT, "k2", &export_of("customer_id", "43")).await;
    assert!(another.problem().starts_with("429 export-limit: "), "{}", another.problem());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_tells_who_the_person_is() {
    const PERSON: &str = "zanele.unseen@example.org";
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let erased = post(&app, ERASE, "k1", &of("email", PERSON)).await;
    let exported = post(&app, EXPORT, "k1", &export_of("email", PERSON)).await;
    assert_eq!((erased.status, exported.status), (202, 202));
    for (path, body) in [
        (ERASE, json!({"identity_type": PERSON, "identity_value": PERSON})),
        (ERASE, json!({"identity_type": "phone_number", "identity_value": PERSON})),
        (ERASE, json!({"identity_type": "email", "identity_value": [PERSON]})),
        (ERASE, json!({"identity_type": "email", "identity_value": format!("{PERSON}\0x")})),
        (EXPORT, json!({"identity_type": "email", "identity_value": PERSON, "format": PERSON})),
    ] {
        let refused = post(&app, path, "k2", &body).await;
        assert!((400..500).contains(&refused.status), "{}", refused.text());
        assert!(!refused.text().contains("zanele"), "{}", refused.text());
    }
    for job in [erased.job(), exported.job()] {
        let seen = app.owner("acme", "GET", &format!("/jobs/{job}")).send().await.text();
        assert!(!seen.contains("zanele"), "{seen}");
    }
    assert!(!captured().contains("zanele"), "nothing of it in the log");
    // Neither it nor a hash, by which it could be guessed, is anywhere in the database.
    let hash = |text: &str| -> String {
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let plain: String = PERSON.bytes().map(|byte| format!("{byte:02x}")).collect();
    let body = hash(&of("email", PERSON).to_string());
    for table in ["privacy_jobs", "job_steps", "outbox", "idempotency_keys", "job_secrets"] {
        let rows =
            app.database.text(&format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")).await;
        assert!(!rows.is_empty(), "{table}");
        for secret in [PERSON, &plain, &body, &hash(PERSON)] {
            assert!(!rows.contains(secret), "{table}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_that_can_be_nobodys_is_pointed_to() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let wrong = async |identity: Value| post(&app, ERASE, "k1", &identity).await.problem();
    assert_snapshot!(wrong(of("e-mail", "ada@example.org")).await, @"422 unusable-values: values of the body cannot be used; see `errors` [/identity_type: no field of the data map has this identity; expected one of `customer_id`, `email`, `phone_number`]");
    assert_snapshot!(wrong(of("email", "ada")).await, @"422 unusable-values: values of the body cannot be used; see `errors` [/identity_value: identity_value is no e-mail address: one has an @ with something on either side]");
    assert_snapshot!(wrong(of("phone_number", "12")).await, @"422 unusable-values: values of the body cannot be used; see `errors` [/identity_value: identity_value is no telephone number: one has 3 to 15 digits (E.164)]");
    assert_snapshot!(wrong(of("customer_id", "  ")).await, @"422 unusable-values: values of the body cannot be used; see `errors` [/identity_value: identity_value is empty]");
    assert_snapshot!(wrong(of("customer_id", "4\u{0}2")).await, @"422 unusable-values: values of the body cannot be used; see `errors` [/identity_value: expected a text without NUL]");
    assert_snapshot!(wrong(json!({"identity_value": "x"})).await, @"400 invalid-body: the body is not what is expected; see `errors` [/identity_type: this member is missing]");
    let recipients = json!({"identity_type": "email", "identity_value": "a@b", "format": "csv", "encryption": {"recipients": []}});
    let wrong = post(&app, EXPORT, "k1", &recipients).await.problem();
    assert!(wrong.contains("[/encryption/recipients: "), "{wrong}");
    assert_eq!(app.database.count("privacy_jobs").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_needs_a_sign_in_and_both_need_an_owner() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let token = app.signer.token(&Claims::of("acme", "owner").without("auth_time"));
    let call = |path: &str| app.call("POST", &format!("/api/v1/privacy{path}")).token(&token).key("k1");
    let refused = call(ERASE).json(&of("email", "a@b").to_string()).send().await;
    assert!(refused.problem().starts_with("401 insufficient-user-authentication: "));
    let exported = call(EXPORT).json(&export_of("email", "a@b").to_string()).send().await;
    assert_eq!(exported.status, 202, "what is handed out is fetched by a link of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_to_seal_with_or_a_data_map_nobody_is_taken() {
    let (app, _shop) = TestApp::start_with_shop(|config| config.sealing = None).await;
    for (path, body) in [(ERASE, of("email", "a@b")), (EXPORT, export_of("email", "a@b"))] {
        assert_eq!(
            post(&app, path, "k1", &body).await.problem(),
            "503 sealing-not-configured: what says who a person is would have to be kept sealed, and this service has no keys for that; set `service.sealing`"
        );
    }
    let app = TestApp::start().await;
    for (path, body) in [(ERASE, of("email", "a@b")), (EXPORT, export_of("email", "a@b"))] {
        assert!(post(&app, path, "k1", &body).await.problem().starts_with("503 erasure-not-configured: "));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_the_same_parameter_however_written_and_needs_no_key() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let first = post(&app, EXPORT, "k1", &export_of("email", "Ada@Example.org")).await;
    let again = post(&app, EXPORT, "k1", &export_of("email", " ada@example.ORG")).await;
    assert_eq!((again.status, again.job()), (202, first.job()), "{}", again.text());
    assert_eq!(again.header("idempotent-replayed"), "true");
    let plain =
        async |path: &str, body: Value| app.owner("acme", "POST", path).json(&body.to_string()).send().await;
    let other = plain(EXPORT, export_of("email", "ADA@example.org")).await;
    assert_eq!((other.status, other.job()), (202, first.job()), "the equal open job is the answer");
    let erased = plain(ERASE, of("email", "ada@example.org")).await;
    assert_eq!(plain(ERASE, of("email", "ADA@example.org")).await.job(), erased.job());
    // Of two passphrases nobody can tell whether they are the same.
    let mut sealed = export_of("email", "eve@example.org");
    sealed["encryption"] = json!({"passphrase": "correct horse battery"});
    assert_eq!(plain(EXPORT, sealed.clone()).await.status, 202);
    assert_snapshot!(plain(EXPORT, sealed).await.problem(), @"409 equal-job-open: wait for the open job, or cancel it first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_tells_the_person_is_refused() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let mut body = of("customer_id", "C-4711");
    body["external_reference"] = json!("erasure of c-4711");
    let told = post(&app, ERASE, "k1", &body).await;
    assert_snapshot!(told.problem(), @"422 unusable-values: values of the body cannot be used; see `errors` [/external_reference: this says who the job is about; labels and references are kept in the clear, so expected a name of the request]");
    body["external_reference"] = json!("DSR-2026-0117");
    body["dry_run"] = json!(true);
    let made = post(&app, ERASE, "k1", &body).await.json();
    let about = json!({"title": "plan for an erasure of one person", "kind": "erasure", "whose": "person",
        "dry_run": true, "scope": {"identity_type": "customer_id", "media": false},
        "external_reference": "DSR-2026-0117"});
    assert_eq!(made["about"], about);
}
