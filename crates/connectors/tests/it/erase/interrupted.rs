//! Batches that are cut off: nothing half done, and the repeat is exact.

use std::time::{Duration, Instant};

use connectors::erase::{Batch, EraseError, Erased, Rows, run_batch};
use connectors::{StoreConfig, StoreError, StoreErrorKind, SubjectStore};
use domain::datamap::Strategy;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::erase::support::{Odd, batch, whole};

const LAST: &str =
    r#"SELECT FROM "visitLog" WHERE "orgId" = 1 ORDER BY "select" DESC, "userId" DESC LIMIT 1 FOR UPDATE"#;

fn of_store(error: EraseError) -> StoreError {
    match error {
        EraseError::Store(error) => error,
        other => panic!("{other}"),
    }
}

async fn until_it_waits(odd: &Odd) -> i32 {
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'lethe-shop' AND wait_event_type = 'Lock'";
    let waited = Instant::now();
    loop {
        // Inside of a transaction the first answer would be given again and again.
        odd.database.client.execute("SELECT pg_stat_clear_snapshot()", &[]).await.unwrap();
        if let Some(row) = odd.database.client.query_opt(sql, &[]).await.unwrap() {
            return row.get(0);
        }
        assert!(waited.elapsed() < Duration::from_secs(20), "the batch never waited for the row");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_backend_killed_in_the_middle_leaves_nothing_half_done() {
    let odd = Odd::new().await;
    let (all, before) = (whole(), odd.digests().await);
    let mut config = odd.database.config("");
    config.lock_timeout = Duration::from_secs(60);
    let store = SubjectStore::connect(&config).unwrap();
    let statement = odd.anonymise("1", &Rows::Range(&all), &[("fullName", Strategy::Pseudonymise)]);
    let run = Batch { id: batch(1), statements: std::slice::from_ref(&statement) };
    // Somebody else holds a row, so that the statement stops after it has changed others.
    odd.database.client.batch_execute(&format!("BEGIN; {LAST}")).await.unwrap();
    let kill = async {
        let pid = until_it_waits(&odd).await;
        odd.database.client.execute("SELECT pg_terminate_backend($1)", &[&pid]).await.unwrap();
    };
    let (result, ()) = tokio::join!(run_batch(&store, &run), kill);
    let error = of_store(result.unwrap_err());
    assert!(error.is_retryable(), "{error}");
    odd.database.client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!((odd.digests().await, odd.count("lethe.journal").await), (before, 0));
    assert_eq!(run_batch(&store, &run).await.unwrap(), Erased { rows: 9, already_done: false });
    assert_eq!(odd.count(r#""visitLog" WHERE "orgId" = 1 AND "fullName" ~ '^[0-9a-f]{32}$'"#).await, 9);
}

#[tokio::test]
async fn a_batch_that_is_entered_meanwhile_without_its_lock_is_undone() {
    let odd = Odd::new().await;
    let (all, before) = (whole(), odd.digests().await);
    let config = StoreConfig { lock_timeout: Duration::from_secs(60), ..odd.database.config("") };
    let store = SubjectStore::connect(&config).unwrap();
    let statement = odd.anonymise("1", &Rows::Range(&all), &[("fullName", Strategy::Pseudonymise)]);
    let run = Batch { id: batch(1), statements: std::slice::from_ref(&statement) };
    odd.database.client.batch_execute(&format!("BEGIN; {LAST}")).await.unwrap();
    let enter = async {
        until_it_waits(&odd).await;
        let entry = "INSERT INTO lethe.journal (job_id, step_no, batch_no, rows) VALUES ($1, 1, 1, 5)";
        odd.database.client.execute(entry, &[&batch(1).job.0]).await.unwrap();
        odd.database.client.batch_execute("COMMIT").await.unwrap();
    };
    let (erased, ()) = tokio::join!(run_batch(&store, &run), enter);
    assert_eq!(erased.unwrap(), Erased { rows: 5, already_done: true });
    assert_eq!((odd.digests().await, odd.count("lethe.journal").await), (before, 1));
}

#[tokio::test]
async fn a_lock_that_is_not_to_be_had_can_be_tried_again() {
    let odd = Odd::new().await;
    let all = whole();
    let mut config = odd.database.config("");
    config.lock_timeout = Duration::from_millis(50);
    let store = SubjectStore::connect(&config).unwrap();
    let statement = odd.anonymise("1", &Rows::Range(&all), &[("fullName", Strategy::Null)]);
    let run = Batch { id: batch(1), statements: std::slice::from_ref(&statement) };
    odd.database.client.batch_execute(&format!("BEGIN; {LAST}")).await.unwrap();
    let error = of_store(run_batch(&store, &run).await.unwrap_err());
    assert_eq!(
        (error.kind(), error.sqlstate(), error.is_retryable()),
        (StoreErrorKind::Timeout, Some("55P03"), true)
    );
    odd.database.client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(odd.count(r#""visitLog" WHERE "fullName" IS NULL"#).await, 0);
    assert_eq!(run_batch(&store, &run).await.unwrap().rows, 9);
}

#[tokio::test]
async fn a_dropped_transaction_is_rolled_back() {
    let odd = Odd::new().await;
    let (all, before) = (whole(), odd.digests().await);
    let statement = odd.delete("lineItem", "1", &Rows::Range(&all));
    let transaction = odd.bench.store.begin_erase().await.unwrap();
    assert_eq!(transaction.execute(&statement).await.unwrap(), 18);
    drop(transaction);
    assert_eq!(odd.digests().await, before);
    // Waits for whatever locks are left.
    assert_eq!(odd.run(batch(1), &statement).await.unwrap().rows, 18);
}

/// Hands everything on until the client sends COMMIT; hands that on too, waits for the answer, and
/// hangs up instead of delivering it. Connections after the first are left alone.
async fn hang_up_at_commit(listener: TcpListener, server: String) {
    let (mut client, _) = listener.accept().await.unwrap();
    let mut upstream = TcpStream::connect(&server).await.unwrap();
    let (mut asked, mut answered) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let bytes = &asked[..read.unwrap()];
                upstream.write_all(bytes).await.unwrap();
                if bytes.windows(7).any(|window| window == b"COMMIT\0") {
                    assert!(upstream.read(&mut answered).await.unwrap() > 0);
                    break;
                }
            }
            read = upstream.read(&mut answered) => client.write_all(&answered[..read.unwrap()]).await.unwrap(),
        }
    }
    drop((client, upstream));
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut upstream = TcpStream::connect(&server).await.unwrap();
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut upstream).await });
    }
}

#[tokio::test]
async fn a_commit_that_is_not_answered_is_looked_up() {
    let odd = Odd::new().await;
    let mut config = odd.database.config("");
    let url = config.url.expose_secret().to_owned();
    let server = url.split('@').nth(1).and_then(|rest| rest.split('/').next()).unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let between = listener.local_addr().unwrap().to_string();
    config.url = url.replace(&server, &between).into();
    let proxy = tokio::spawn(hang_up_at_commit(listener, server));
    let store = SubjectStore::connect(&config).unwrap();
    let all = whole();
    let statement = odd.anonymise("1", &Rows::Range(&all), &[("fullName", Strategy::Pseudonymise)]);
    let run = Batch { id: batch(1), statements: std::slice::from_ref(&statement) };
    assert_eq!(run_batch(&store, &run).await.unwrap(), Erased { rows: 9, already_done: false });
    assert_eq!(run_batch(&store, &run).await.unwrap(), Erased { rows: 9, already_done: true });
    assert_eq!(odd.count("lethe.journal").await, 1);
    proxy.abort();
}

#[tokio::test]
async fn a_commit_that_fails_has_done_nothing() {
    // The check at the end of the transaction kills the backend that commits.
    let odd = Odd::with(
        r#"CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
               'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
           CREATE CONSTRAINT TRIGGER dies AFTER DELETE ON "lineItem" DEFERRABLE INITIALLY DEFERRED
               FOR EACH ROW EXECUTE FUNCTION die()"#,
    )
    .await;
    let before = odd.digests().await;
    let statement = odd.delete("lineItem", "1", &Rows::Range(&whole()));
    let error = of_store(odd.run(batch(1), &statement).await.unwrap_err());
    assert!(error.is_retryable(), "{error}");
    assert_eq!((odd.digests().await, odd.count("lethe.journal").await), (before, 0));
    odd.database.client.batch_execute(r#"DROP TRIGGER dies ON "lineItem""#).await.unwrap();
    assert_eq!(odd.run(batch(1), &statement).await.unwrap(), Erased { rows: 18, already_done: false });
}
