//! `lethe export`

use serde_json::{Value, json};

use crate::support::api::{path, problem};
use crate::support::program::until;
use crate::support::server::Asked;
use crate::support::{Answer, FakeApi, JOB, Run, job};

fn created() -> Answer {
    Answer::json(202, &json!({"id": JOB})).header("location", path(&format!("jobs/{JOB}")))
}

fn is_new(asked: &Asked) -> bool {
    asked.line() == format!("POST {}", path("export"))
}

#[tokio::test]
async fn without_wait_the_job_is_printed() {
    let api = FakeApi::start(|asked, _| match is_new(asked) {
        true => created(),
        false => Answer::json(200, &job("pending", json!({}))),
    })
    .await;
    let run =
        api.lethe(&["export", "--format", "both", "--include-media", "--json"]).run().await.ended_with(0);
    assert_eq!(run.json()["id"], JOB);
    assert_eq!(run.err, "");
    let asked = api.0.asked();
    let body: Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(body, json!({"format": "both", "include_media": true}));
    let key = asked[0].header("idempotency-key").unwrap();
    assert!(key.starts_with('"') && key.ends_with('"') && key.len() == 38, "{key}");
    assert_eq!(asked[0].header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn the_same_key_is_sent_again_when_the_answer_is_lost() {
    let api = FakeApi::start(|asked, number| match (is_new(asked), number) {
        (true, 0) => Answer::bytes(202, b"{}").cut_after(0),
        (true, 1) => Answer::status(503),
        (true, _) => created(),
        (false, _) => Answer::json(200, &job("pending", json!({}))),
    })
    .await;
    api.lethe(&["export", "--idempotency-key", "mine"]).run().await.ended_with(0);
    let asked = api.0.asked();
    let keys: Vec<_> =
        asked.iter().filter(|asked| is_new(asked)).map(|asked| asked.header("idempotency-key")).collect();
    assert!(!keys.is_empty() && keys.iter().all(|key| *key == Some("\"mine\"")), "{keys:?}");
    api.lethe(&["export", "--idempotency-key", "with space"]).run().await.ended_with(2);
}

#[tokio::test]
async fn waiting_outlasts_a_restart_of_the_api() {
    let api = FakeApi::start(|asked, number| match (is_new(asked), number) {
        (true, _) => created(),
        (false, 0) => Answer::json(200, &job("running", json!({}))),
        (false, 1) => Answer::status(503).header("retry-after", "0"),
        (false, 2) => Answer::json(200, &job("running", json!({}))).cut_after(10),
        (false, _) => Answer::json(200, &job("completed", json!({}))),
    })
    .await;
    let run = api.lethe(&["export", "--wait"]).run().await.ended_with(0);
    assert!(run.err.contains("trying again"), "{}", run.err);
    assert!(run.out.contains("completed"), "{}", run.out);
}

#[tokio::test]
async fn a_cancelled_job_ends_with_3_and_nothing_is_downloaded() {
    let api = FakeApi::start(|asked, _| match is_new(asked) {
        true => created(),
        false => Answer::json(200, &job("cancelled", json!({}))),
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("export.zip");
    let run = api.lethe(&["export", "--json", "--output", file.to_str().unwrap()]).run().await.ended_with(3);
    assert_eq!(run.json()["state"], "cancelled");
    assert!(!file.exists());
}

#[tokio::test]
async fn an_equal_open_job_is_pointed_at() {
    let more = json!({"job": path(&format!("jobs/{JOB}"))});
    let api = FakeApi::start(move |_, _| problem(409, "an equal job is open", more.clone())).await;
    let run = api.lethe(&["export", "--wait"]).run().await.ended_with(1);
    assert!(run.err.contains(&format!("lethe jobs show {JOB}")), "{}", run.err);
}

#[tokio::test]
async fn ctrl_c_stops_the_looking_and_says_how_to_look_again() {
    let api = FakeApi::start(|asked, _| match is_new(asked) {
        true => created(),
        false => Answer::json(200, &job("running", json!({}))),
    })
    .await;
    let child = api.lethe(&["export", "--wait"]).start();
    let look = format!("GET {}", path(&format!("jobs/{JOB}")));
    until("two looks at the job", || api.0.times(&look) >= 2).await;
    let process = child.id().unwrap().to_string();
    let sent = std::process::Command::new("sh").args(["-c", "kill -INT \"$0\"", &process]).status().unwrap();
    assert!(sent.success());
    let run = Run::of(child.wait_with_output().await.unwrap()).ended_with(130);
    assert!(run.err.contains("the job goes on"), "{}", run.err);
    assert!(run.err.contains(&format!("lethe jobs show {JOB} --watch")), "{}", run.err);
}

#[tokio::test]
async fn the_package_is_encrypted_to_whom_the_options_name() {
    let api = FakeApi::start(|asked, _| match is_new(asked) {
        true => created(),
        false => Answer::json(200, &job("pending", json!({}))),
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let (keys, secret) = (directory.path().join("keys"), directory.path().join("secret"));
    std::fs::write(&keys, "# Ada\nage1c\n").unwrap();
    std::fs::write(&secret, "correct horse battery\n").unwrap();
    let (keys, secret) = (keys.to_str().unwrap(), secret.to_str().unwrap());
    for (options, encryption) in [
        (vec!["--encrypt-to", "age1a", "--encrypt-to", "age1b"], json!({"recipients": ["age1a", "age1b"]})),
        (vec!["--encrypt-to", "age1a", "--recipients-file", keys], json!({"recipients": ["age1a", "age1c"]})),
        (vec!["--passphrase-file", secret], json!({"passphrase": "correct horse battery"})),
    ] {
        let run = api.lethe(&[&["export"], options.as_slice()].concat()).run().await.ended_with(0);
        assert!(!run.out.contains("horse") && !run.err.contains("horse"));
        let asked = api.0.asked();
        let body = &asked.iter().rev().find(|asked| is_new(asked)).unwrap().body;
        assert_eq!(serde_json::from_str::<Value>(body).unwrap()["encryption"], encryption);
    }
    let both = ["export", "--encrypt-to", "age1a", "--passphrase-file", secret];
    api.lethe(&both).run().await.ended_with(2);
    let no_terminal = api.lethe(&["export", "--passphrase"]).run().await.ended_with(2);
    assert!(no_terminal.err.contains("--passphrase-file"), "{}", no_terminal.err);
}
