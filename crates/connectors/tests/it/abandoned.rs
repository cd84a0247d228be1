//! Work that is given up in the middle: the server stops, and the connection is free for others.

use std::time::{Duration, Instant};

use connectors::{StoreErrorKind, SubjectStore};
use futures::StreamExt as _;

use crate::support::{Bench, TestDatabase, copied, far_future};

const SHOP: &str = include_str!("fixtures/shop.sql");
const MAP: &str = include_str!("fixtures/shop.yaml");

/// A table too large for the socket's buffers, behind the shop's employees.
const LARGE: &str = "ALTER TABLE delivery ADD COLUMN padding text;
    INSERT INTO delivery SELECT g, 1, NULL, repeat('x', 1000) FROM generate_series(1000, 60999) g;
    UPDATE invoice_line SET customer_id = 0, invoice_no = 1 WHERE id = 1";

fn large_map() -> String {
    format!("{MAP}    - {{name: padding}}\n")
}

/// How many of the store's connections are busy, as the server sees it.
async fn busy(database: &TestDatabase) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'lethe-shop' AND state <> 'idle'";
    database.client.query_one(sql, &[]).await.unwrap().get(0)
}

async fn until_nothing_is_busy(database: &TestDatabase) {
    let waited = Instant::now();
    while busy(database).await > 0 {
        assert!(waited.elapsed() < Duration::from_secs(10), "the server still works for somebody who left");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_copy_given_up_in_the_middle_leaves_the_pool_usable() {
    let database = TestDatabase::with(&format!("{SHOP};{LARGE}")).await;
    let mut config = database.config("");
    config.max_connections = 1;
    let bench = Bench::new(SubjectStore::connect(&config).unwrap(), &large_map()).await;
    let read = bench.read("delivery", "3", far_future());
    for _ in 0..3 {
        let mut transaction = bench.store.begin_read().await.unwrap();
        let mut rows = transaction.copy(&read).await.unwrap();
        for _ in 0..5 {
            rows.next().await.unwrap().unwrap();
        }
        drop(rows);
        let error = transaction.count(&read).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Abandoned);
        assert_eq!(transaction.copy(&read).await.unwrap_err().kind(), StoreErrorKind::Abandoned);
        drop(transaction);
        // The only connection is free again at once, and it is a fresh one.
        let mut next = bench.store.begin_read().await.unwrap();
        assert_eq!(copied(&mut next, &bench.read("employee", "3", far_future())).await.unwrap().len(), 1);
        next.finish().await.unwrap();
    }
    until_nothing_is_busy(&database).await;
}

#[tokio::test]
async fn dropping_a_future_in_the_middle_stops_the_server_and_frees_the_connection() {
    let slow = "ALTER TABLE employee RENAME TO staff;
        CREATE VIEW employee AS SELECT s.* FROM staff s, LATERAL (SELECT pg_sleep(30) WHERE s.employee_id IS NOT NULL) nap";
    let database = TestDatabase::with(&format!("{SHOP};{slow}")).await;
    let mut config = database.config("");
    config.max_connections = 1;
    let bench = Bench::new(SubjectStore::connect(&config).unwrap(), MAP).await;
    let given_up = tokio::time::timeout(Duration::from_millis(300), bench.try_rows("employee", "3")).await;
    assert!(given_up.is_err());
    assert_eq!(bench.rows("customer", "3").await.len(), 10);
    until_nothing_is_busy(&database).await;
}
