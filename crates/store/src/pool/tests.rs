//! Whose connections are lent, and over which transport.

use diesel::QueryableByName;
use diesel::sql_types::{Nullable, Text};
use testkit::{ControlDatabase, organisation};

use super::*;
use crate::JobFilter;

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Nullable<Text>)]
    organisation: Option<String>,
}

/// For whom the only connection of a pool still acts.
async fn acts_for(store: &Store) -> Option<String> {
    let query = "SELECT nullif(current_setting('lethe.organisation', true), '') AS organisation";
    let mut conn = store.conn().await.unwrap();
    diesel::sql_query(query).get_result::<Setting>(&mut conn).await.unwrap().organisation
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_acts_for_nobody_once_a_transaction_has_ended_whichever_way() {
    let database = ControlDatabase::create().await;
    let url = SecretString::from(database.url_as("lethe_api"));
    let store = Store::open(&StoreConfig { url, max_connections: 1 }).unwrap();
    let acme = organisation("acme");
    let filter = JobFilter { limit: 1, ..JobFilter::default() };
    assert!(store.jobs(&acme, &filter).await.unwrap().is_empty());
    assert_eq!(acts_for(&store).await, None);
    // A filter that the database refuses ends the transaction with an error.
    let refused = JobFilter { limit: -1, ..JobFilter::default() };
    store.jobs(&acme, &refused).await.unwrap_err();
    assert_eq!(acts_for(&store).await, None);
}

#[test]
fn tls_is_the_rule_beyond_this_machine() {
    let tls = |url| split_tls(url).unwrap();
    assert_eq!(
        tls("postgres://u:p@db.example:5432/l"),
        ("postgres://u:p@db.example:5432/l?sslmode=require".into(), true)
    );
    assert!(!tls("postgres://u@127.0.0.1:15432/l").1);
    assert!(tls("postgres://u@127.0.0.1/l?sslmode=require").1);
    let (url, on) = tls("postgres://u@db.example/l?sslmode=verify-full&application_name=x");
    assert_eq!((url.as_str(), on), ("postgres://u@db.example/l?application_name=x&sslmode=require", true));
    assert_eq!(tls("postgres://u@h/l?sslmode=prefer").0, "postgres://u@h/l?sslmode=prefer");
    assert!(!tls("postgres://u@db.example/l?sslmode=disable").1);
    assert!(split_tls("mysql://x").is_err());
}

#[test]
fn a_mode_that_is_none_is_refused_by_name_and_nothing_is_quoted() {
    for url in ["postgres://u:hunter2@127.0.0.1/l?sslmode=nonsense", "postgres://u:hunter2@h/l?sslmode="] {
        let error = split_tls(url).unwrap_err().to_string();
        assert!(
            error.contains("`sslmode` must be disable, prefer, require") && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn a_failed_handshake_names_its_cause() {
    let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    let handshake = std::io::Error::new(std::io::ErrorKind::InvalidData, unknown);
    assert_eq!(with_causes(&handshake), "invalid peer certificate: UnknownIssuer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_not_talked_to_in_the_clear() {
    let database = ControlDatabase::create().await;
    let url = SecretString::from(format!("{}?sslmode=require", database.url()));
    let store = Store::open(&StoreConfig { url, max_connections: 1 }).unwrap();
    let error = store.ping().await.unwrap_err();
    let told = with_causes(&error);
    assert!(error.is_retryable() && told.contains("server does not support TLS"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_what_has_become_a_replica_is_not_lent_again() {
    let database = ControlDatabase::create().await;
    let url = SecretString::from(database.url().to_owned());
    let store = Store::open(&StoreConfig { url, max_connections: 1 }).unwrap();
    let writes = async || {
        let mut conn = store.conn().await?;
        diesel::sql_query("DELETE FROM outbox").execute(&mut conn).await?;
        Ok::<(), StoreError>(())
    };
    let pretend = "SET default_transaction_read_only = on";
    diesel::sql_query(pretend).execute(&mut store.conn().await.unwrap()).await.unwrap();
    // However often it is asked for.
    testkit::eventually(testkit::PATIENCE, "another connection is made", async || writes().await.is_ok())
        .await;
}

/// However many the pool would hold.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_are_held_than_the_server_lets_the_role_have() {
    let database = ControlDatabase::create().await;
    let url = SecretString::from(database.url_as("lethe_api"));
    let name = url::Url::parse(database.url()).unwrap().path().trim_start_matches('/').to_owned();
    let limit = format!("ALTER DATABASE \"{name}\" CONNECTION LIMIT 2");
    // A session of the superuser counts too.
    let admin = database.client().await;
    admin.batch_execute(&limit).await.unwrap();
    drop(admin);
    let store = Store::open(&StoreConfig { url, max_connections: 8 }).unwrap();
    let acme = organisation("acme");
    let filter = JobFilter { limit: 1, ..JobFilter::default() };
    let asked = (0..32).map(|_| store.jobs(&acme, &filter));
    for found in futures::future::join_all(asked).await {
        assert!(found.unwrap().is_empty());
    }
    assert!(store.pool.status().size <= 2);
}
