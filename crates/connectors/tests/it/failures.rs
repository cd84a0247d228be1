//! What goes wrong, in which words, and that nothing is left behind.

use std::time::{Duration, Instant};

use connectors::{OrganisationRead, StoreError, StoreErrorKind, SubjectStore};
use domain::id::OrganisationId;
use secrecy::ExposeSecret as _;

use crate::log::Log;
use crate::support::{Bench, TestDatabase, far_future};

const SHOP: &str = include_str!("fixtures/shop.sql");
const MAP: &str = include_str!("fixtures/shop.yaml");

fn text(error: &StoreError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(next) = source {
        text.push_str(&format!(" {next} {next:?}"));
        source = next.source();
    }
    text
}

#[tokio::test]
async fn a_denied_table_is_named_with_the_way_to_it() {
    let mut database = TestDatabase::with(SHOP).await;
    let (role, act_as) = database.role().await;
    let grant = format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}");
    database.client.batch_execute(&grant).await.unwrap();
    let store = SubjectStore::connect(&database.config(&act_as)).unwrap();
    let bench = Bench::new(store, MAP).await;
    assert_eq!(bench.rows("invoice", "3").await.len(), 30);
    database.client.batch_execute(&format!("REVOKE SELECT ON customer FROM {role}")).await.unwrap();
    let error = bench.try_rows("invoice", "3").await.unwrap_err();
    assert_eq!((error.kind(), error.sqlstate()), (StoreErrorKind::Permission, Some("42501")));
    let shown = error.to_string();
    assert!(shown.contains("reading public.invoice through public.customer"), "{shown}");
    assert!(!error.is_retryable());
    let counts = bench.store.begin_read().await.unwrap();
    let reads = [bench.read("employee", "3", far_future()), bench.read("customer", "3", far_future())];
    let error = counts.sizes(&reads, 1_000).await.unwrap_err();
    assert!(error.to_string().contains("reading public.customer"), "{error}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told_from_a_server_that_is_not() {
    let database = TestDatabase::with("").await;
    let mut config = database.config("");
    config.url = format!("{}/nowhere", config.url.expose_secret().rsplit_once('/').unwrap().0).into();
    let error = SubjectStore::connect(&config).unwrap().ping().await.unwrap_err();
    assert_eq!((error.kind(), error.sqlstate()), (StoreErrorKind::NoDatabase, Some("3D000")));
    assert!(error.to_string().contains("correct the name at the end of the store's `url`"), "{error}");
    assert!(!error.is_retryable() && error.kind().code() == "store_misconfigured");
}

#[tokio::test]
async fn row_level_security_refuses_rather_than_hides() {
    let mut database = TestDatabase::with(SHOP).await;
    let (role, act_as) = database.role().await;
    let sql = format!(
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};
         ALTER TABLE customer ENABLE ROW LEVEL SECURITY; CREATE POLICY half ON customer USING (customer_id < 20)"
    );
    database.client.batch_execute(&sql).await.unwrap();
    let bench = Bench::new(SubjectStore::connect(&database.config(&act_as)).unwrap(), MAP).await;
    let error = bench.try_rows("customer", "3").await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Permission);
    assert!(error.to_string().contains("BYPASSRLS"), "{error}");
    database.client.batch_execute(&format!("ALTER ROLE {role} BYPASSRLS")).await.unwrap();
    assert_eq!(bench.rows("customer", "3").await.len(), 10);
}

#[tokio::test]
async fn a_schema_that_changed_since_is_told_from_a_bad_organisation() {
    let database = TestDatabase::with(SHOP).await;
    let bench = Bench::new(database.store(), MAP).await;
    let three = OrganisationId::parse("three").unwrap();
    let read = OrganisationRead::plan(&bench.map, &bench.schema, &three).unwrap();
    let error = bench.store.begin_read().await.unwrap().organisation(&read).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::BadOrganisation);
    let error = bench.try_rows("customer", "three").await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::BadValue, "of a collection that is not the organisations'");
    for (change, collection) in [
        ("ALTER TABLE customer RENAME first_name TO given_name", "customer"),
        ("ALTER TABLE invoice_line ALTER customer_id TYPE text", "invoice_line"),
        ("DROP TABLE delivery", "delivery"),
    ] {
        let drop_keys =
            "ALTER TABLE invoice_line DROP CONSTRAINT IF EXISTS invoice_line_customer_id_invoice_no_fkey";
        database.client.batch_execute(&format!("{drop_keys}; {change}")).await.unwrap();
        let error = bench.try_rows(collection, "3").await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Schema, "{change}: {error}");
    }
}

#[tokio::test]
async fn no_value_of_a_row_is_quoted() {
    // A view whose cast fails on a row: the server's message quotes that row.
    let database = TestDatabase::with(SHOP).await;
    let sql = "UPDATE employee SET last_name = 'canary-7391' WHERE employee_id = 3;
        ALTER TABLE employee RENAME TO staff;
        CREATE FUNCTION shout(t text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'canary-7391 %', t; RETURN t::int; END $$;
        CREATE VIEW employee AS SELECT employee_id, last_name, shout(last_name) AS reports_to, birth_date, password FROM staff";
    database.client.batch_execute(sql).await.unwrap();
    let log = Log::default();
    let _listening = tracing::subscriber::set_default(log.clone());
    let bench = Bench::new(database.store(), MAP).await;
    let error = bench.try_rows("employee", "3").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.sqlstate()),
        (StoreErrorKind::Other, Some("22P02")),
        "not the organisation's fault"
    );
    assert!(!text(&error).contains("canary"), "{}", text(&error));
    // The function's warning reached us as a notice, before the error did.
    assert!(!log.text().contains("canary"), "{}", log.text());
}

#[tokio::test]
async fn a_lost_connection_is_logged_and_replaced() {
    let database = TestDatabase::with("").await;
    let log = Log::default();
    let _listening = tracing::subscriber::set_default(log.clone());
    let mut config = database.config("");
    config.max_connections = 1;
    let store = SubjectStore::connect(&config).unwrap();
    store.ping().await.unwrap();
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lethe-shop' AND datname = current_database()";
    database.client.batch_execute(kill).await.unwrap();
    let waited = Instant::now();
    while !log.text().contains("connection to a subject store was lost") {
        assert!(waited.elapsed() < Duration::from_secs(10), "nothing was logged: {}", log.text());
        tokio::task::yield_now().await;
    }
    assert!(log.text().contains("WARN") && log.text().contains("57P01"), "{}", log.text());
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_stopped() {
    let database = TestDatabase::with(SHOP).await;
    let slow = "ALTER TABLE employee RENAME TO staff;
        CREATE VIEW employee AS SELECT s.* FROM staff s, LATERAL (SELECT pg_sleep(30) WHERE s.employee_id IS NOT NULL) nap";
    database.client.batch_execute(slow).await.unwrap();
    let mut config = database.config("");
    config.statement_timeout = Duration::from_millis(200);
    let bench = Bench::new(SubjectStore::connect(&config).unwrap(), MAP).await;
    let started = Instant::now();
    let error = bench.try_rows("employee", "3").await.unwrap_err();
    assert_eq!((error.kind(), error.sqlstate()), (StoreErrorKind::Cancelled, Some("57014")));
    assert!(error.to_string().contains("the store's `statement_timeout`"), "{error}");
    assert!(error.is_retryable() && started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_lock_is_not_waited_for_without_end() {
    let database = TestDatabase::with(SHOP).await;
    let mut config = database.config("");
    config.lock_timeout = Duration::from_millis(100);
    let bench = Bench::new(SubjectStore::connect(&config).unwrap(), MAP).await;
    database.client.batch_execute("BEGIN; LOCK TABLE employee IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let error = bench.try_rows("employee", "3").await.unwrap_err();
    assert_eq!((error.kind(), error.sqlstate()), (StoreErrorKind::Timeout, Some("55P03")));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn nothing_can_be_written() {
    let sql = "ALTER TABLE employee RENAME TO staff;
        CREATE FUNCTION touch(id int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN UPDATE public.staff SET last_name = 'x'; RETURN id; END $$;
        CREATE VIEW employee AS SELECT touch(employee_id) AS employee_id, last_name, reports_to, birth_date, password FROM staff";
    let database = TestDatabase::with(&format!("{SHOP};{sql}")).await;
    let bench = Bench::new(database.store(), MAP).await;
    let error = bench.try_rows("employee", "3").await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("25006"), "read only");
    let row =
        database.client.query_one("SELECT count(*) FROM staff WHERE last_name = 'x'", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_store_that_is_not_there_is_found_out_when_it_is_needed() {
    let database = TestDatabase::with("").await;
    let mut config = database.config("");
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    config.url = format!("postgresql://u:hunter2@127.0.0.1:{port}/d").into();
    let error = SubjectStore::connect(&config).unwrap().ping().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unreachable);
    assert!(error.is_retryable() && !text(&error).contains("hunter2"), "{}", text(&error));
    assert!(database.store().ping().await.is_ok());
}

#[tokio::test]
async fn plaintext_is_not_a_fallback_for_tls() {
    let database = TestDatabase::with("").await;
    let required = SubjectStore::connect(&database.config("sslmode=require")).unwrap().ping().await;
    let offers_tls: String = database.client.query_one("SHOW ssl", &[]).await.unwrap().get(0);
    assert_eq!(offers_tls, "off", "the test server is expected to run without TLS");
    let error = required.unwrap_err();
    assert!(!error.is_retryable());
    assert_eq!(error.kind(), StoreErrorKind::Tls(connectors::TlsFault::NotOffered), "{error}");
    assert!(error.to_string().contains("the server offers no TLS"), "{error}");
}

#[tokio::test]
async fn a_role_that_may_not_log_in_is_not_told_to_lack_a_grant() {
    let mut database = TestDatabase::with("").await;
    let (role, _) = database.role().await;
    let sql = format!("ALTER ROLE {role} NOLOGIN");
    database.client.batch_execute(&sql).await.unwrap();
    let mut config = database.config("");
    let mut url = url::Url::parse(secrecy::ExposeSecret::expose_secret(&config.url)).unwrap();
    url.set_username(&role).unwrap();
    config.url = String::from(url).into();
    let error = SubjectStore::connect(&config).unwrap().ping().await.unwrap_err();
    assert_eq!((error.kind(), error.sqlstate()), (StoreErrorKind::Login, Some("28000")), "{error}");
    assert!(!error.to_string().contains("SELECT") && !error.is_retryable(), "{error}");
}

#[tokio::test]
async fn connections_say_whose_they_are() {
    let database = TestDatabase::with("").await;
    let store = database.store();
    let transaction = store.begin_read().await.unwrap();
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'lethe-shop'";
    assert_eq!(database.client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 1);
    transaction.finish().await.unwrap();
    assert_eq!(format!("{store:?}"), "SubjectStore { name: \"shop\", .. }");
}

/// However many the pool would hold.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_are_held_than_the_server_lets_the_role_have() {
    let mut database = TestDatabase::with("").await;
    let (role, _) = database.role().await;
    let sql = format!("ALTER ROLE {role} LOGIN PASSWORD 'few' CONNECTION LIMIT 2");
    database.client.batch_execute(&sql).await.unwrap();
    let mut config = connectors::StoreConfig { max_connections: 8, ..database.config("") };
    let mut url = url::Url::parse(secrecy::ExposeSecret::expose_secret(&config.url)).unwrap();
    url.set_username(&role).unwrap();
    url.set_password(Some("few")).unwrap();
    config.url = String::from(url).into();
    let store = SubjectStore::connect(&config).unwrap();
    for answered in futures::future::join_all((0..32).map(|_| store.ping())).await {
        answered.unwrap();
    }
}
