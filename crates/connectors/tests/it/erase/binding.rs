//! A hold binds once every batch that may not have read it has ended, and not before.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use connectors::erase::{Begun, Bound, OpenBatch, journal_ddl};
use connectors::{StoreConfig, StoreErrorKind, SubjectStore};
use domain::id::OrganisationId;

use crate::erase::standby::Standby;
use crate::erase::support::batch;
use crate::support::TestDatabase;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

fn organisation(id: &str) -> OrganisationId {
    OrganisationId::parse(id).unwrap()
}

impl TestDatabase {
    async fn until(&self, advisory: &str) {
        let sql = format!(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND {advisory} AND database = \
             (SELECT oid FROM pg_database WHERE datname = current_database()))"
        );
        let waited = Instant::now();
        while !self.client.query_one(&sql, &[]).await.unwrap().get::<_, bool>(0) {
            assert!(waited.elapsed() < LONG, "no lock that is {advisory}");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_hold_binds_when_the_last_batch_has_ended_that_may_not_have_read_it() {
    let database = TestDatabase::with("").await;
    let (store, ours) = (database.store(), organisation("acme"));
    assert_eq!(store.bind_holds(&ours, LONG).await.unwrap(), Bound::Yes);
    let batches = [store.begin_erase().await.unwrap(), store.begin_erase().await.unwrap()];
    for batch in &batches {
        batch.share_holds(&ours).await.unwrap();
    }
    let began = Instant::now();
    assert_eq!(store.bind_holds(&ours, SHORT).await.unwrap(), Bound::NotYet);
    assert!(began.elapsed() >= SHORT);
    assert_eq!(store.bind_holds(&organisation("acme/2"), SHORT).await.unwrap(), Bound::Yes, "another's");
    let waiting = tokio::spawn({
        let (store, ours) = (store.clone(), ours.clone());
        async move { store.bind_holds(&ours, LONG).await }
    });
    database.until("NOT granted").await;
    let [one, other] = batches;
    one.commit().await.unwrap();
    database.until("mode = 'ExclusiveLock' AND NOT granted").await;
    other.rollback().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), Bound::Yes);
    let next = store.begin_erase().await.unwrap();
    next.share_holds(&ours).await.unwrap();
    next.rollback().await.unwrap();
}

#[tokio::test]
async fn a_batch_that_begins_while_a_hold_is_about_to_bind_comes_after_it() {
    let database = TestDatabase::with("").await;
    let (store, ours) = (database.store(), organisation("acme"));
    let first = store.begin_erase().await.unwrap();
    first.share_holds(&ours).await.unwrap();
    let binding = tokio::spawn({
        let (store, ours) = (store.clone(), ours.clone());
        async move { store.bind_holds(&ours, LONG).await }
    });
    database.until("mode = 'ExclusiveLock' AND NOT granted").await;
    let second = tokio::spawn({
        let (store, ours) = (store.clone(), ours.clone());
        async move {
            let batch = store.begin_erase().await.unwrap();
            batch.share_holds(&ours).await.unwrap();
            batch.rollback().await.unwrap();
        }
    });
    database.until("mode = 'ShareLock' AND NOT granted").await;
    assert!(!binding.is_finished() && !second.is_finished());
    first.commit().await.unwrap();
    assert_eq!(binding.await.unwrap().unwrap(), Bound::Yes);
    second.await.unwrap();
}

/// What it sends behind its wait for the lock is refused too, and for another reason.
#[tokio::test]
async fn a_batch_that_waits_too_long_for_a_hold_to_bind_says_that_it_did() {
    let database = TestDatabase::with(&journal_ddl("postgres")).await;
    let config = StoreConfig { lock_timeout: SHORT, ..database.config("") };
    let (store, ours) = (SubjectStore::connect(&config).unwrap(), organisation("acme"));
    let placing =
        "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended(concat_ws('/', 'lethe.holds', 'acme'), 0))";
    database.client.batch_execute(placing).await.unwrap();
    let error = OpenBatch::begin(&store, batch(1), &ours).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("55P03"), "{error}");
    assert!(error.is_retryable());
    database.client.batch_execute("COMMIT").await.unwrap();
    assert!(matches!(OpenBatch::begin(&store, batch(1), &ours).await.unwrap(), Begun::Open(_)));
}

#[tokio::test]
async fn it_is_the_primary_that_is_asked_wherever_rows_are_read() {
    let database = TestDatabase::with("").await;
    let mut config = database.config("");
    config.replica_url = Some("postgres://nobody@127.0.0.1:1/nowhere".into());
    let store = SubjectStore::connect(&config).unwrap();
    assert_eq!(store.bind_holds(&organisation("acme"), LONG).await.unwrap(), Bound::Yes);
    assert!(store.begin_read().await.is_err());
}

#[tokio::test]
async fn a_replica_binds_nobody_and_says_so() {
    let standby = Standby::start();
    let mut config = TestDatabase::with("").await.config("");
    config.url = standby.url().into();
    let store = SubjectStore::connect(&config).unwrap();
    let error = store.bind_holds(&organisation("acme"), LONG).await.unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Configuration(_)), "{error}");
    assert!(!error.is_retryable() && error.to_string().contains("on a replica"), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_waited_for_any_longer() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = TestDatabase::with("").await.config("");
    config.url = format!("postgres://u@{}/d", silent.local_addr().unwrap()).into();
    let began = Instant::now();
    let error = SubjectStore::connect(&config).unwrap().bind_holds(&organisation("acme"), SHORT).await;
    assert_eq!(error.unwrap_err().kind(), StoreErrorKind::Unreachable);
    assert!(began.elapsed() < LONG);
}
