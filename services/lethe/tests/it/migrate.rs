//! `lethe migrate`

use serde_json::json;

use crate::support::{Database, Lethe};

fn lethe(database: &Database, arguments: &[&str]) -> Lethe {
    Lethe::with(&[&["migrate"], arguments].concat()).env("LETHE_CONTROL__URL", &database.url())
}

#[tokio::test]
async fn migrations_run_once_and_are_named() {
    let database = Database::empty().await;
    let before = lethe(&database, &["--check", "--json"]).run().await.ended_with(1).json();
    assert_eq!(before["up_to_date"], false);
    assert!(before["missing"].as_u64().unwrap() >= 3, "{before}");
    let run = lethe(&database, &["--check"]).run().await.ended_with(1);
    assert!(run.out.contains("run `lethe migrate`"), "{}", run.out);

    let first = lethe(&database, &["--json"]).run().await.ended_with(0).json();
    assert!(first["ran"].as_array().unwrap().len() >= 3, "{first}");
    let second = lethe(&database, &["--json"]).run().await.ended_with(0).json();
    assert_eq!(second["ran"], json!([]));
    let after = lethe(&database, &["--check", "--json"]).run().await.ended_with(0).json();
    assert_eq!(after, json!({"up_to_date": true, "missing": 0}));
    assert_eq!(lethe(&database, &["--check"]).run().await.ended_with(0).out, "up to date\n");
    database.remove().await;
}

#[tokio::test]
async fn two_at_once_wait_for_each_other() {
    let database = Database::empty().await;
    let run = || async { lethe(&database, &["--json"]).run().await.ended_with(0).json() };
    let (first, second) = tokio::join!(run(), run());
    let ran = |report: &serde_json::Value| report["ran"].as_array().unwrap().len();
    assert_eq!(ran(&first).min(ran(&second)), 0, "{first} {second}");
    assert!(ran(&first).max(ran(&second)) >= 3, "{first} {second}");
    database.remove().await;
}

#[tokio::test]
async fn a_developer_gets_the_database_and_roles_that_log_in() {
    let database = Database::named();
    let missing = lethe(&database, &[]).run().await.ended_with(1);
    assert!(missing.err.contains("--create-database"), "{}", missing.err);
    for _ in 0..2 {
        lethe(&database, &["--create-database", "--allow-login"]).run().await.ended_with(0);
    }
    for role in ["lethe_api", "lethe_export", "lethe_erasure", "lethe_scheduler", "lethe_audit"] {
        let who = database.session_as(role).await.query_one("SELECT current_user::text", &[]).await.unwrap();
        assert_eq!(who.get::<_, String>(0), role);
    }
    database.remove().await;
}

#[tokio::test]
async fn roles_of_another_machine_are_left_alone() {
    for option in ["--allow-login", "--create-database"] {
        let run = Lethe::with(&["migrate", option])
            .env("LETHE_CONTROL__URL", "postgres://u:hunter2@db.invalid/lethe?sslmode=disable")
            .run()
            .await
            .ended_with(2);
        assert!(run.err.contains("on this machine") && !run.err.contains("hunter2"), "{}", run.err);
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_said_with_what_to_do() {
    let run = Lethe::with(&["migrate", "--json"])
        .env("LETHE_CONTROL__URL", "postgres://u:hunter2@127.0.0.1:1/lethe")
        .run()
        .await
        .ended_with(1);
    assert!(run.json()["error"]["next"].as_str().unwrap().contains("LETHE_CONTROL__URL"));
    assert!(!run.out.contains("hunter2") && !run.err.contains("hunter2"), "{}", run.err);
}
