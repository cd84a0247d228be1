//! What the reader's role may do, and from which server it reads.

use connectors::{StoreErrorKind, SubjectStore};
use domain::schema::TableName;

use crate::support::{TestDatabase, far_future};

const TABLES: &str = "CREATE TABLE a (id int PRIMARY KEY, note text); CREATE TABLE b (id int PRIMARY KEY, note text); \
    CREATE VIEW c AS SELECT 1 AS id";

fn tables() -> [TableName; 4] {
    ["a", "b", "c", "absent"].map(|table| TableName { schema: "public".to_owned(), table: table.to_owned() })
}

#[tokio::test]
async fn a_role_that_may_write_is_found_out() {
    let mut database = TestDatabase::with(TABLES).await;
    let (role, options) = database.role().await;
    let store = SubjectStore::connect(&database.config(&options)).unwrap();
    for (grant, writes) in [
        ("GRANT SELECT ON a, b, c TO ROLE", None),
        ("GRANT REFERENCES, TRIGGER ON a TO ROLE", None),
        ("GRANT UPDATE (note) ON b TO ROLE", Some("b")),
        ("GRANT INSERT ON a TO ROLE", Some("a")),
        ("REVOKE ALL ON a, b FROM ROLE; GRANT DELETE ON b TO ROLE", Some("b")),
        ("REVOKE ALL ON b FROM ROLE; GRANT TRUNCATE ON a TO ROLE", Some("a")),
        ("REVOKE ALL ON a FROM ROLE; GRANT INSERT ON b TO PUBLIC", Some("b")),
        ("REVOKE ALL ON b FROM PUBLIC; ALTER VIEW c OWNER TO ROLE; REVOKE ALL ON c FROM ROLE", Some("c")),
    ] {
        database.client.batch_execute(&grant.replace("ROLE", &role)).await.unwrap();
        let transaction = store.begin_read().await.unwrap();
        let found = transaction.can_write(&tables()).await.unwrap();
        assert_eq!(found.map(|table| table.table).as_deref(), writes, "{grant}");
        assert_eq!(transaction.can_write(&[]).await.unwrap(), None);
        transaction.finish().await.unwrap();
    }
    database.client.batch_execute("DROP VIEW c").await.unwrap();
    let superuser = database.store().begin_read().await.unwrap();
    assert_eq!(superuser.can_write(&tables()).await.unwrap(), Some(tables()[0].clone()));
    superuser.finish().await.unwrap();
}

#[tokio::test]
async fn a_primary_is_never_behind_and_every_reader_may_ask() {
    let mut database = TestDatabase::with(TABLES).await;
    let (_, options) = database.role().await;
    let store = SubjectStore::connect(&database.config(&options)).unwrap();
    let transaction = store.begin_read_at(far_future()).await.unwrap();
    let now = transaction.clock().await.unwrap();
    assert!((chrono::Utc::now() - now).num_minutes().abs() < 5);
    transaction.finish().await.unwrap();
}

#[tokio::test]
async fn everything_is_read_from_the_replica_that_is_named() {
    let (primary, replica) = (TestDatabase::with("").await, TestDatabase::with(TABLES).await);
    let mut config = primary.config("");
    config.replica_url = Some(replica.config("").url);
    let store = SubjectStore::connect(&config).unwrap();
    assert_eq!(store.live_schema(&["public"]).await.unwrap().tables.len(), 3);
    config.replica_url = Some("postgres://nobody@127.0.0.1:1/nowhere".into());
    let error = SubjectStore::connect(&config).unwrap().begin_read().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unreachable, "never from the primary instead");
}
