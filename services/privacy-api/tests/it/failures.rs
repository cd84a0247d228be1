//! What the caller sees when something of ours is broken.

use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, web};
use insta::assert_snapshot;
use privacy_api::frame::frame;

use crate::support::{Answer, TestApp, captured};

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_503() {
    let app = TestApp::start_without_database().await;
    for (method, path) in
        [("GET", "/jobs"), ("GET", "/audit"), ("GET", "/jobs/00000000-0000-0000-0000-000000000000")]
    {
        let answer = app.owner("acme", method, path).send().await;
        assert_eq!(
            answer.problem(),
            "503 unavailable: something this service needs is unavailable; try again soon"
        );
        assert_eq!(answer.header("retry-after"), "5");
    }
    let answer = app.owner("acme", "POST", "/export").key("k").json(r#"{"format":"csv"}"#).send().await;
    assert_eq!(answer.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_fails_is_500_and_the_reason_is_in_the_log_only() {
    let app = TestApp::start().await;
    app.database.admin.batch_execute("DROP TABLE audit_logs").await.unwrap();
    let id = uuid::Uuid::now_v7().to_string();
    let answer = app.owner("acme", "GET", "/audit").header("x-request-id", &id).send().await;
    assert_snapshot!(answer.problem(), @"500 internal: something went wrong on our side; the log has it under the request's id");
    assert!(!answer.text().contains("audit_logs"));
    let line =
        captured().lines().find(|line| line.contains(&id) && line.contains("ERROR")).map(str::to_owned);
    assert!(line.unwrap().contains("audit_logs"));
}

/// Whatever a database that fails over, is asked too much or has to choose says to a statement.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_over_is_503_and_worth_another_try() {
    let app = TestApp::start().await;
    let forever = "PERFORM count(*) FROM generate_series(1, 1000000000000)";
    for (code, body) in [
        ("57P01", "PERFORM pg_terminate_backend(pg_backend_pid())".to_owned()),
        ("57P02", raised("57P02", "terminating connection because of crash of another server process")),
        ("57014", format!("PERFORM pg_cancel_backend(pg_backend_pid()); {forever}")),
        ("25006", "SET LOCAL transaction_read_only = on; DELETE FROM idempotency_keys".to_owned()),
        ("40P01", raised("40P01", "deadlock detected")),
        ("40001", raised("40001", "could not serialize access due to concurrent update")),
    ] {
        let trigger = format!(
            "CREATE OR REPLACE FUNCTION failing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; END $$; \
             CREATE OR REPLACE TRIGGER failing BEFORE INSERT ON privacy_jobs FOR EACH ROW EXECUTE FUNCTION failing()"
        );
        app.database.admin.batch_execute(&trigger).await.unwrap();
        let asked = || app.owner("acme", "POST", "/export").json(r#"{"format":"csv"}"#).send();
        let answer = asked().await;
        assert_eq!(
            answer.problem(),
            "503 unavailable: something this service needs is unavailable; try again soon",
            "{code}"
        );
        assert_eq!(answer.header("retry-after"), "5", "{code}");
        app.database.admin.batch_execute("DROP TRIGGER failing ON privacy_jobs").await.unwrap();
        let again = asked().await;
        assert_eq!(again.status, 202, "{code}: {}", again.text());
        app.set_state(&again.job(), "cancelled").await;
    }
}

fn raised(code: &str, message: &str) -> String {
    format!("RAISE EXCEPTION '{message}' USING ERRCODE = '{code}'")
}

/// An answer of a handler that misbehaves, inside the real frame.
async fn misbehaving(app: &TestApp, path: &str, state: privacy_api::ApiState) -> Answer {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = actix_web::HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(state.clone()))
            .route("/panic", web::get().to(async || -> HttpResponse { panic!("canary in a panic") }))
            .route("/hang", web::get().to(async || std::future::pending::<HttpResponse>().await))
            .route("/plain", web::get().to(async || HttpResponse::BadRequest().body("canary in plain text")))
            .wrap(from_fn(frame))
    });
    let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
    let handle = server.handle();
    tokio::spawn(server);
    let answer = app.call("GET", &format!("{address}{path}")).send().await;
    drop(handle.stop(false));
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_hangs_or_answers_otherwise_ends_in_a_problem() {
    let app = TestApp::start().await;
    let panicked = misbehaving(&app, "/panic", app.state.clone()).await;
    assert_snapshot!(panicked.problem(), @"500 internal: something went wrong on our side; the log has it under the request's id");
    let plain = misbehaving(&app, "/plain", app.state.clone()).await;
    assert_snapshot!(plain.problem(), @"400 bad-request: the request cannot be understood");
    for answer in [&panicked, &plain] {
        assert!(!answer.text().contains("canary"));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let mut state = app.state.clone();
    state.limits.request_timeout = Duration::from_millis(20);
    let hung = misbehaving(&app, "/hang", state).await;
    assert_snapshot!(hung.problem(), @"503 unavailable: something this service needs is unavailable; try again soon");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let app = TestApp::start_with(|config| config.limits.body_timeout = Duration::from_millis(20)).await;
    let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let call = app.owner("acme", "POST", "/export").key("k").header("content-type", "application/json");
    let answer = call.body(reqwest::Body::wrap_stream(never)).send().await;
    assert_snapshot!(answer.problem(), @"408 body-missing: the body did not arrive whole and in time");
}
