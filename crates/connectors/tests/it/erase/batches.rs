//! Each batch takes effect once, whoever comes twice or at once.

use std::time::{Duration, Instant};

use connectors::erase::{
    Batch, Begun, EraseError, Erased, OpenBatch, Rows, StepTotal, journal_ddl, run_batch,
};
use connectors::{StoreConfig, StoreErrorKind, SubjectStore};
use domain::id::{JobId, OrganisationId, StepNo};
use uuid::Uuid;

use domain::datamap::Strategy;

use crate::erase::standby::Standby;
use crate::erase::support::{Odd, batch, key, whole};
use crate::support::TestDatabase;

#[tokio::test]
async fn a_batch_that_comes_twice_takes_effect_once() {
    let odd = Odd::new().await;
    let all = whole();
    let statement = odd.anonymise("1", &Rows::Range(&all), &[("fullName", Strategy::Pseudonymise)]);
    assert_eq!(odd.run(batch(1), &statement).await.unwrap(), Erased { rows: 9, already_done: false });
    let after = odd.digests().await;
    for _ in 0..3 {
        assert_eq!(odd.run(batch(1), &statement).await.unwrap(), Erased { rows: 9, already_done: true });
    }
    assert_eq!(odd.digests().await, after, "a pseudonym of a pseudonym would differ");
    odd.run(batch(2), &odd.delete("lineItem", "1", &Rows::Range(&all))).await.unwrap();
    let totals = odd.bench.store.journal(JobId(Uuid::from_u128(42))).await.unwrap();
    assert_eq!(totals, [StepTotal { step: StepNo(1), batches: 2, rows: 27 }]);
    assert!(odd.bench.store.journal(JobId(Uuid::from_u128(43))).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_batch_that_is_done_waits_for_no_row() {
    let odd = Odd::new().await;
    let (all, organisation) = (whole(), OrganisationId::parse("1").unwrap());
    let config = StoreConfig { lock_timeout: Duration::from_millis(50), ..odd.database.config("") };
    let store = SubjectStore::connect(&config).unwrap();
    let statement = odd.anonymise("1", &Rows::Range(&all), &[("fullName", Strategy::Pseudonymise)]);
    let run = Batch { id: batch(1), statements: std::slice::from_ref(&statement) };
    assert_eq!(run_batch(&store, &run).await.unwrap(), Erased { rows: 9, already_done: false });
    let lock = r#"BEGIN; LOCK TABLE "visitLog" IN ACCESS EXCLUSIVE MODE"#;
    odd.database.client.batch_execute(lock).await.unwrap();
    assert_eq!(run_batch(&store, &run).await.unwrap(), Erased { rows: 9, already_done: true });
    let begun = OpenBatch::begin(&store, batch(1), &organisation).await.unwrap();
    assert!(matches!(begun, Begun::Done(9)), "{begun:?}");
}

#[tokio::test]
async fn ten_workers_at_one_batch_do_it_once() {
    let odd = Odd::new().await;
    let all = whole();
    let statement = odd.anonymise("1", &Rows::Range(&all), &[("fullName", Strategy::Pseudonymise)]);
    let mut config = odd.database.config("");
    (config.max_connections, config.lock_timeout) = (10, Duration::from_secs(30));
    let store = SubjectStore::connect(&config).unwrap();
    let run = Batch { id: batch(1), statements: std::slice::from_ref(&statement) };
    let runs = futures::future::join_all((0..10).map(|_| run_batch(&store, &run)));
    // The first of them stops in the middle, at a row that somebody has locked, until another has come behind it.
    let lock = r#"BEGIN; SELECT FROM "visitLog" WHERE "orgId" = 1 FOR UPDATE"#;
    odd.database.client.batch_execute(lock).await.unwrap();
    let (done, ()) = tokio::join!(runs, async {
        let waiting = "SELECT count(*) FILTER (WHERE locktype = 'advisory'), count(*) FILTER (WHERE locktype <> 'advisory') \
                       FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                       WHERE a.datname = current_database() AND NOT l.granted";
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let row = odd.database.client.query_one(waiting, &[]).await.unwrap();
            let (behind, at_the_row): (i64, i64) = (row.get(0), row.get(1));
            if behind > 0 && at_the_row == 1 {
                break;
            }
            assert!(Instant::now() < until, "{behind} wait for the batch, {at_the_row} for a row");
            tokio::task::yield_now().await;
        }
        odd.database.client.batch_execute("COMMIT").await.unwrap();
    });
    let done: Vec<Erased> = done.into_iter().map(Result::unwrap).collect();
    assert!(done.iter().all(|erased| erased.rows == 9), "{done:?}");
    assert_eq!(done.iter().filter(|erased| !erased.already_done).count(), 1);
    assert_eq!(odd.count("lethe.journal").await, 1);
    let alone = Odd::new().await;
    let statement = alone.anonymise("1", &Rows::Range(&all), &[("fullName", Strategy::Pseudonymise)]);
    alone.run(batch(1), &statement).await.unwrap();
    assert_eq!(odd.digests().await, alone.digests().await);
}

#[tokio::test]
async fn more_rows_than_keys_are_none() {
    let odd = Odd::new().await;
    // A table that inherits has each key once more: the index says that a key is unique in its own table only.
    let twin =
        r#"CREATE TABLE twin () INHERITS ("lineItem"); INSERT INTO twin SELECT * FROM ONLY "lineItem""#;
    odd.database.client.batch_execute(twin).await.unwrap();
    let one = r#"SELECT l.id::text FROM ONLY "lineItem" l JOIN "visitLog" v USING ("select", "userId", "isGuest")
                 WHERE v."orgId" = 1 LIMIT 1"#;
    let row = odd.database.client.query_one(one, &[]).await.unwrap();
    let (keys, before) = ([vec![row.get::<_, String>(0)]], odd.digests().await);
    let statement = odd.delete("lineItem", "1", &Rows::Keys(&keys));
    let run = Batch { id: batch(1), statements: std::slice::from_ref(&statement) };
    let error = run_batch(&odd.bench.store, &run).await.unwrap_err();
    assert!(matches!(error, EraseError::MoreThanPlanned { keys: 1, found: 2, .. }), "{error}");
    assert!(error.to_string().contains("2 rows of public.lineItem"), "{error}");
    assert_eq!((odd.digests().await, odd.count("lethe.journal").await), (before, 0));
}

#[tokio::test]
async fn what_the_schema_forbids_leaves_nothing_and_says_no_value() {
    let odd = Odd::new().await;
    let (all, before) = (whole(), odd.digests().await);
    // Lines still refer to the visits.
    let error = odd.run(batch(1), &odd.delete("visitLog", "1", &Rows::Range(&all))).await.unwrap_err();
    let EraseError::Disturbed(store) = &error else { panic!("{error}") };
    assert_eq!((store.sqlstate(), store.is_retryable()), (Some("23503"), false));
    let told = format!("{store} {error} {error:?}");
    assert!(told.contains("constraint `lineItem_select_userId_isGuest_fkey`"), "{told}");
    assert!(
        !told.contains("Key (") && !told.contains("still referenced"),
        "no detail, which has values: {told}"
    );
    assert_eq!((odd.digests().await, odd.count("lethe.journal").await), (before, 0));
}

#[tokio::test]
async fn a_key_that_waits_for_the_end_is_as_good_as_one_that_does_not() {
    let deferred = r#"ALTER TABLE "lineItem" ALTER CONSTRAINT "lineItem_select_userId_isGuest_fkey" DEFERRABLE INITIALLY DEFERRED"#;
    let odd = Odd::with(deferred).await;
    let (all, before) = (whole(), odd.digests().await);
    let error = odd.run(batch(1), &odd.delete("visitLog", "1", &Rows::Range(&all))).await.unwrap_err();
    let EraseError::Disturbed(store) = &error else { panic!("{error}") };
    assert_eq!(store.sqlstate(), Some("23503"));
    assert_eq!((odd.digests().await, odd.count("lethe.journal").await), (before, 0));
    let lines = odd.delete("lineItem", "1", &Rows::Range(&all));
    assert_eq!(odd.run(batch(1), &lines).await.unwrap(), Erased { rows: 18, already_done: false });
}

/// What keeps an old name elsewhere, at the end of the transaction that changes it.
const KEPT_AT_THE_END: &str = r#"
CREATE TABLE history (name text);
CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    INSERT INTO public.history VALUES (OLD."fullName"); RETURN NULL;
END$$;
CREATE CONSTRAINT TRIGGER remember AFTER UPDATE ON "visitLog" DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION remember()"#;

#[tokio::test]
async fn what_a_trigger_writes_at_the_end_is_seen_before_it_is_so() {
    let odd = Odd::with(KEPT_AT_THE_END).await;
    let (all, before) = (whole(), odd.digests().await);
    let statement = odd.anonymise("1", &Rows::Range(&all), &[("fullName", Strategy::Pseudonymise)]);
    let error = odd.run(batch(1), &statement).await.unwrap_err();
    assert!(matches!(error, EraseError::Unplanned(_)), "{error}");
    assert!(error.to_string().contains("public.history: 9 rows inserted that were not planned"), "{error}");
    assert_eq!((odd.digests().await, odd.count("history").await), (before, 0));
}

#[tokio::test]
async fn a_role_with_just_its_rights_erases_and_cannot_change_the_journal() {
    let mut odd = Odd::new().await;
    let (role, act_as) = odd.database.role().await;
    let grants = format!(
        r#"{} GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}; GRANT UPDATE ("fullName") ON "visitLog" TO {role}"#,
        journal_ddl(&role)
    );
    odd.database.client.batch_execute(&grants).await.unwrap();
    let store = SubjectStore::connect(&odd.database.config(&act_as)).unwrap();
    let keys = [key(&["0", "", "false"])];
    let statement = odd.anonymise("0", &Rows::Keys(&keys), &[("fullName", Strategy::RedactText)]);
    let run = Batch { id: batch(1), statements: std::slice::from_ref(&statement) };
    assert_eq!(run_batch(&store, &run).await.unwrap(), Erased { rows: 1, already_done: false });
    assert_eq!(run_batch(&store, &run).await.unwrap(), Erased { rows: 1, already_done: true });
    let statement = odd.delete("lineItem", "0", &Rows::Range(&whole()));
    let run = Batch { id: batch(2), statements: std::slice::from_ref(&statement) };
    let EraseError::Store(error) = run_batch(&store, &run).await.unwrap_err() else {
        panic!("no store error")
    };
    assert_eq!(error.kind(), StoreErrorKind::Permission);
    odd.database.client.batch_execute(&format!("SET ROLE {role}")).await.unwrap();
    for forbidden in
        ["UPDATE lethe.journal SET rows = 0", "DELETE FROM lethe.journal", "TRUNCATE lethe.journal"]
    {
        let error = odd.database.client.batch_execute(forbidden).await.unwrap_err();
        assert_eq!(error.code().map(|code| code.code()), Some("42501"), "{forbidden}");
    }
}

#[tokio::test]
async fn a_database_that_is_read_only_by_default_is_written_to() {
    let odd = Odd::new().await;
    let sql = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$";
    odd.database.client.batch_execute(sql).await.unwrap();
    // A default is overruled: only a server that cannot write stands in the way.
    let store = odd.database.store();
    let statement = odd.delete("lineItem", "1", &Rows::Range(&whole()));
    let run = Batch { id: batch(1), statements: std::slice::from_ref(&statement) };
    assert_eq!(run_batch(&store, &run).await.unwrap().rows, 18);
}

#[tokio::test]
async fn a_replica_erases_nothing_and_says_what_would_be_right() {
    let standby = Standby::start();
    let mut config = TestDatabase::with("").await.config("");
    config.url = standby.url().into();
    let error = SubjectStore::connect(&config).unwrap().begin_erase().await.unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Configuration(_)), "{error}");
    assert!(!error.is_retryable() && error.to_string().contains("the url of the primary"), "{error}");
}

#[tokio::test]
async fn row_level_security_refuses_rather_than_leaves_rows_out() {
    let mut odd = Odd::new().await;
    let (role, act_as) = odd.database.role().await;
    let sql = format!(
        r#"{} GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA public TO {role};
        ALTER TABLE "lineItem" ENABLE ROW LEVEL SECURITY; CREATE POLICY half ON "lineItem" USING (id < 10)"#,
        journal_ddl(&role)
    );
    odd.database.client.batch_execute(&sql).await.unwrap();
    let store = SubjectStore::connect(&odd.database.config(&act_as)).unwrap();
    let statement = odd.delete("lineItem", "1", &Rows::Range(&whole()));
    let run = Batch { id: batch(1), statements: std::slice::from_ref(&statement) };
    let EraseError::Store(error) = run_batch(&store, &run).await.unwrap_err() else {
        panic!("no store error")
    };
    assert_eq!((error.kind(), odd.count("lethe.journal").await), (StoreErrorKind::Permission, 0));
    odd.database.client.batch_execute(&format!("ALTER ROLE {role} BYPASSRLS")).await.unwrap();
    assert_eq!(run_batch(&store, &run).await.unwrap().rows, 18);
}
