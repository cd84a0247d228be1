//! The migrations themselves, on empty databases.

use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection};
use diesel_migrations::MigrationHarness;
use secrecy::SecretString;
use store::migrate::MIGRATIONS;
use store::{Store, StoreConfig};
use testkit::{PATIENCE, connect, empty_database, eventually, new_export};
use tokio_postgres::Client;

const COUNT: usize = 17;

fn open(url: &str) -> Store {
    Store::open(&StoreConfig { url: SecretString::from(url.to_owned()), max_connections: 4 }).unwrap()
}

/// Everything in the schema, in words.
async fn describe(url: &str) -> Vec<String> {
    let client = connect(url).await;
    let rows = client
        .query(
            "SELECT format('column %s.%s %s null:%s default:%s', table_name, column_name, data_type, is_nullable, column_default) \
                 FROM information_schema.columns WHERE table_schema = 'public' \
             UNION ALL SELECT format('constraint %s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint \
                 WHERE connamespace = 'public'::regnamespace \
             UNION ALL SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public' \
             UNION ALL SELECT format('trigger %s', pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal \
             UNION ALL SELECT format('function %s', pg_get_functiondef(oid)) FROM pg_proc \
                 WHERE pronamespace = 'public'::regnamespace \
             UNION ALL SELECT format('policy %s on %s %s %s', policyname, tablename, roles, qual) FROM pg_policies \
             UNION ALL SELECT format('table %s rls:%s acl:%s', relname, relrowsecurity, relacl) FROM pg_class \
                 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S') \
             UNION ALL SELECT format('column acl %s.%s %s', attrelid::regclass, attname, attacl) FROM pg_attribute \
                 WHERE attacl IS NOT NULL AND attrelid::regclass::text NOT LIKE 'pg\\_%' \
             ORDER BY 1",
            &[],
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn up_down_and_up_again_makes_the_same_schema() {
    let database = empty_database().await;
    let store = open(database.url());
    assert_eq!(store.migrate().await.unwrap().len(), COUNT);
    let first = describe(database.url()).await;
    assert!(first.len() > 100, "{}", first.len());

    let conn = AsyncPgConnection::establish(database.url()).await.unwrap();
    let mut harness = AsyncMigrationHarness::new(conn);
    assert_eq!(harness.revert_all_migrations(MIGRATIONS).unwrap().len(), COUNT);
    let left: Vec<String> = describe(database.url()).await;
    let own = |line: &&String| !line.contains("__diesel_schema_migrations");
    assert_eq!(left.iter().filter(own).collect::<Vec<_>>(), Vec::<&String>::new());

    assert_eq!(store.migrate().await.unwrap().len(), COUNT);
    assert_eq!(describe(database.url()).await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_at_the_same_time_run_each_migration_once() {
    let database = empty_database().await;
    let migrating = (0..4).map(|_| {
        let store = open(database.url());
        tokio::spawn(async move { store.migrate().await.unwrap().len() })
    });
    let mut ran = Vec::new();
    for task in migrating.collect::<Vec<_>>() {
        ran.push(task.await.unwrap());
    }
    ran.sort_unstable();
    assert_eq!(ran, [0, 0, 0, COUNT]);
    assert_eq!(open(database.url()).missing_migrations().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_counted() {
    let database = empty_database().await;
    let store = open(database.url());
    assert_eq!(store.missing_migrations().await.unwrap(), COUNT, "an empty database lacks all of them");
    store.migrate().await.unwrap();
    assert_eq!(store.missing_migrations().await.unwrap(), 0);
    let client = connect(database.url()).await;
    let forgotten = "DELETE FROM __diesel_schema_migrations WHERE version = \
                     (SELECT max(version) FROM __diesel_schema_migrations)";
    assert_eq!(client.execute(forgotten, &[]).await.unwrap(), 1);
    assert_eq!(store.missing_migrations().await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_may_ask_what_is_missing() {
    let world = super::support::World::new().await;
    for role in testkit::SERVICE_ROLES {
        assert_eq!(world.db.store_as(role).missing_migrations().await.unwrap(), 0, "{role}");
    }
}

/// A job whose caller sent more of a trace than its number, as an earlier version kept it.
async fn kept_before(store: &Store, client: &Client) {
    store.create_export(&new_export("acme")).await.unwrap();
    let more = "BEGIN; SET LOCAL session_replication_role = replica; \
                UPDATE privacy_jobs SET trace_headers = trace_headers || '{\"tracestate\": \"vendor=jane.doe\"}'; \
                UPDATE outbox SET headers = headers || '{\"tracestate\": \"vendor=jane.doe\"}'; COMMIT";
    client.batch_execute(more).await.unwrap();
}

/// Whatever a service holds when migrations come, and whatever it takes after that: it is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_of_late_wait_for_services_that_run_and_they_never_for_them() {
    let database = empty_database().await;
    let (store, admin) = (open(database.url()), connect(database.url()).await);
    store.migrate().await.unwrap();
    kept_before(&store, &admin).await;
    // A change of a job, a look at one, and the sink. Each takes one table, and the others later.
    let sent = "INSERT INTO outbox (event_id, kind, routing_key, body) \
                VALUES (gen_random_uuid(), 'step.due', 'step.export', '')";
    let logged = "SELECT count(*) FROM audit_logs";
    let (steps, scopes) = ("UPDATE job_steps SET announced_at = announced_at", "DELETE FROM step_scopes");
    let locked = "SELECT FROM privacy_jobs FOR UPDATE";
    for (reverted, first, then) in [
        (2, locked, format!("{sent}; {logged}")),
        (2, "SELECT FROM privacy_jobs", format!("{logged}; {sent}")),
        (2, "SELECT FROM outbox FOR UPDATE", "LOCK TABLE audit_logs IN ROW EXCLUSIVE MODE".to_owned()),
        // A job that is called off, and one that is planned.
        (1, format!("{locked}; {scopes}").as_str(), steps.to_owned()),
        (1, format!("{locked}; {steps}").as_str(), scopes.to_owned()),
    ] {
        for _ in 0..reverted {
            let conn = AsyncPgConnection::establish(database.url()).await.unwrap();
            AsyncMigrationHarness::new(conn).revert_last_migration(MIGRATIONS).unwrap();
        }
        let service = connect(database.url()).await;
        service.batch_execute(&format!("BEGIN; {first}")).await.unwrap();
        let migrating = {
            let store = open(database.url());
            tokio::spawn(async move { store.migrate().await })
        };
        let waiting = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                       WHERE a.datname = current_database() AND NOT l.granted";
        eventually(PATIENCE, "the migration waits for the service", async || {
            admin.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 1
        })
        .await;
        service.batch_execute(&format!("{then}; COMMIT")).await.unwrap();
        assert_eq!(migrating.await.unwrap().unwrap().len(), reverted, "{first}");
    }
    let kept = "SELECT (SELECT count(*) FROM privacy_jobs WHERE trace_headers ? 'tracestate') \
                     + (SELECT count(*) FROM outbox WHERE headers ? 'tracestate')";
    assert_eq!(admin.query_one(kept, &[]).await.unwrap().get::<_, i64>(0), 0, "and clears that away");
}
