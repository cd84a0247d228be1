//! `encryption` in the body of `POST /export`: what is taken, what is refused, and what is never kept.

use insta::assert_snapshot;
use packages::{KeyRing, SealedFor};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{Answer, TestApp, captured};

const ADA: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
/// The point of order 1: whatever is encrypted to it, everybody can open.
const NOBODY: &str = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z";

async fn post(app: &TestApp, key: &str, encryption: &Value) -> Answer {
    let body = json!({"format": "json", "encryption": encryption}).to_string();
    app.owner("acme", "POST", "/export").key(key).json(&body).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_are_kept_with_the_job_and_make_equal_requests_equal() {
    let app = TestApp::start().await;
    let answer = post(&app, "k1", &json!({"recipients": [ADA]})).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let request = json!({"include_media": false, "format": "json", "encryption": {"recipients": [ADA]}});
    assert_eq!(answer.json()["request"], request);
    assert_eq!(app.database.count("job_secrets").await, 0);
    assert_eq!(post(&app, "k2", &json!({"recipients": [ADA]})).await.status, 409);
    let open = app.owner("acme", "POST", "/export").key("k3").json(r#"{"format":"json"}"#).send().await;
    assert_eq!(open.status, 202, "without encryption it is another request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_recipient_is_pointed_to() {
    let app = TestApp::start().await;
    let wrong = async |encryption: Value| post(&app, "k1", &encryption).await.problem();
    assert_snapshot!(wrong(json!({"recipients": [ADA, "age1abc"]})).await, @"422 unusable-values: values of the body cannot be used; see `errors` [/encryption/recipients/1: recipient 2 is mistyped or cut; expected age1 and 58 characters, as age-keygen prints them]");
    assert_snapshot!(wrong(json!({"recipients": [ADA, ADA]})).await, @"422 unusable-values: values of the body cannot be used; see `errors` [/encryption/recipients/1: recipient 2 is named before; expected each once]");
    assert_snapshot!(wrong(json!({"recipients": []})).await, @"422 unusable-values: values of the body cannot be used; see `errors` [/encryption/recipients: there is no recipient; expected at least one]");
    assert_snapshot!(wrong(json!({"recipients": ["ssh-ed25519 AAAA"]})).await, @"422 unusable-values: values of the body cannot be used; see `errors` [/encryption/recipients/0: recipient 1 is an SSH key; expected a key of age (age1…), as age-keygen makes it]");
    let many = wrong(json!({"recipients": vec![ADA; 21]})).await;
    assert!(many.contains("/encryption/recipients: there are more than 20 recipients"), "{many}");
    assert_snapshot!(wrong(json!({"recipients": [ADA], "passphrase": "correct horse battery"})).await, @"400 invalid-body: the body is not what is expected; see `errors` [/encryption: expected either `recipients` or `passphrase`]");
    assert_snapshot!(wrong(json!({"recipients": [ADA, 7]})).await, @"400 invalid-body: the body is not what is expected; see `errors` [/encryption/recipients/1: expected a string]");
    assert_snapshot!(wrong(json!({})).await, @"400 invalid-body: the body is not what is expected; see `errors` [/encryption: expected either `recipients` or `passphrase`]");
    assert_eq!(app.database.count("privacy_jobs").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_protects_nothing_is_refused() {
    let app = TestApp::start().await;
    let problem = post(&app, "k1", &json!({"recipients": [NOBODY]})).await.problem();
    assert!(problem.contains("protects nothing"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_is_kept_sealed_and_nowhere_else() {
    const PASSPHRASE: &str = "zanzibar horse battery staple";
    let app = TestApp::start().await;
    let encryption = json!({"passphrase": PASSPHRASE});
    let answer = post(&app, "k1", &encryption).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["request"]["encryption"], "passphrase");
    assert!(!answer.text().contains("zanzibar"));
    let keys = [("k1".to_owned(), SecretString::from("a sealing key of the test with 32 bytes and more"))];
    let ring = KeyRing::new("k1", keys).unwrap();
    let target = SealedFor { organisation: "acme", job_id: answer.job().parse().unwrap() };
    let sealed = app.database.text("SELECT encode(sealed, 'hex') FROM job_secrets").await;
    assert_eq!(ring.open(target, &unhex(&sealed)).unwrap().expose_secret(), PASSPHRASE);
    assert!(!captured().contains("zanzibar"), "nothing of it in the log");
    // Neither it nor a hash of the body, by which it could be guessed, is anywhere in the database.
    let body = json!({"format": "json", "encryption": encryption}).to_string();
    let hash: String = Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    for table in ["privacy_jobs", "job_steps", "outbox", "idempotency_keys", "job_secrets"] {
        let rows =
            app.database.text(&format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")).await;
        let plain = PASSPHRASE.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert!(!rows.is_empty(), "{table}");
        for secret in [PASSPHRASE, &plain, &hash] {
            assert!(!rows.contains(secret), "{table}");
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_needs_the_same_passphrase() {
    let app = TestApp::start().await;
    let first = post(&app, "k1", &json!({"passphrase": "correct horse battery"})).await;
    let again = post(&app, "k1", &json!({"passphrase": "correct horse battery"})).await;
    assert_eq!((again.status, again.job()), (202, first.job()));
    assert_eq!(again.header("idempotent-replayed"), "true");
    let other = post(&app, "k1", &json!({"passphrase": "correct horse batterz"})).await;
    assert!(other.problem().starts_with("422 idempotency-key-reused"), "{}", other.problem());
    assert_eq!(app.database.count("job_secrets").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weak_passphrase_is_refused_and_not_repeated() {
    let app = TestApp::start().await;
    for (passphrase, word) in [
        ("zanzibar", "too short"),
        ("zanzibar\nzanzibar", "control character"),
        (&"zanzibar".repeat(200), "too long"),
    ] {
        let answer = post(&app, "k1", &json!({"passphrase": passphrase})).await;
        assert_eq!(answer.status, 422);
        let problem = answer.problem();
        assert!(
            problem.contains("[/encryption/passphrase: the passphrase") && problem.contains(word),
            "{problem}"
        );
        assert!(!answer.text().contains("zanzibar"));
    }
    for body in [
        r#"{"format":"json","encryption":{"passphrase":["zanzibar horse"]}}"#,
        r#"{"format":"json","encryption":"zanzibar horse"}"#,
        r#"{"format":"json","encryption":["zanzibar horse"]}"#,
        r#"{"format":"json","encryption":{"passphrase":"zanzibar horse"},"encryption":{"passphrase":"zanzibar horse"}}"#,
        r#"{"format":"json","encryption":{"passphrase":"zanzibar horse"#,
    ] {
        let answer = app.owner("acme", "POST", "/export").key("k1").json(body).send().await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(!answer.text().contains("zanzibar"), "{}", answer.text());
    }
    assert!(!captured().contains("zanzibar\\n") && !captured().contains("zanzibar horse\""));
    assert_eq!(app.database.count("job_secrets").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_sealing_keys_passphrases_are_refused_and_recipients_work() {
    let app = TestApp::start_with(|config| config.sealing = None).await;
    let answer = post(&app, "k1", &json!({"passphrase": "correct horse battery"})).await;
    assert_snapshot!(answer.problem(), @"422 unusable-values: values of the body cannot be used; see `errors` [/encryption/passphrase: this service is not set up to take passphrases (`service.sealing`); expected `recipients`]");
    assert_eq!(post(&app, "k1", &json!({"recipients": [ADA]})).await.status, 202);
}
