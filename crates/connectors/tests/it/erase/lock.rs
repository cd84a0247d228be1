//! Rows that are locked before their batch is begun again: nothing comes to refer to them meanwhile.

use connectors::SubjectStore;
use connectors::erase::{EraseScope, RowLock, Rows, journal_ddl};
use domain::id::OrganisationId;

use crate::erase::support::{Odd, key, whole};
use crate::support::far_future;

impl Odd {
    fn lock(&self, rows: &Rows<'_>) -> RowLock {
        let organisation = OrganisationId::parse("1").unwrap();
        let scope = EraseScope::all(&organisation, far_future());
        RowLock::plan(self.bench.collection("visitLog"), &self.bench.schema, &scope, rows).unwrap()
    }

    /// How many visits of organisation 1, and of all, a foreign key could refer to without waiting.
    async fn free(&self) -> (i64, i64) {
        let sql = r#"SELECT count(*) FILTER (WHERE "orgId" = 1), count(*)
                     FROM (SELECT "orgId" FROM "visitLog" FOR KEY SHARE SKIP LOCKED) free"#;
        let row = self.database.client.query_one(sql, &[]).await.unwrap();
        (row.get(0), row.get(1))
    }

    /// Whether a lock on the table of the visits is to be had without waiting.
    async fn may_have(&self, mode: &str) -> bool {
        let sql = format!(r#"BEGIN; LOCK TABLE "visitLog" IN {mode} MODE NOWAIT"#);
        let locked = self.database.client.batch_execute(&sql).await;
        self.database.client.batch_execute("ROLLBACK").await.unwrap();
        match locked {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.code().map(|code| code.code()), Some("55P03"), "{error}");
                false
            }
        }
    }
}

#[tokio::test]
async fn nothing_can_come_to_refer_to_rows_that_are_locked_and_to_others_anything() {
    let odd = Odd::new().await;
    // The second one is another organisation's.
    let (all, keys) = (whole(), [key(&["1", "", "false"]), key(&["0", "", "false"])]);
    for (rows, free) in [(Rows::Range(&all), (0, 15)), (Rows::Keys(&keys), (8, 23))] {
        let transaction = odd.bench.store.begin_erase().await.unwrap();
        transaction.lock(&odd.lock(&rows)).await.unwrap();
        assert_eq!(odd.free().await, free);
        transaction.rollback().await.unwrap();
        assert_eq!(odd.free().await, (9, 24));
    }
}

#[tokio::test]
async fn a_role_that_may_not_lock_rows_keeps_everybody_from_writing_to_the_table_and_from_referring_to_it() {
    let mut odd = Odd::new().await;
    let (role, act_as) = odd.database.role().await;
    let grants =
        format!("{} GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA public TO {role}", journal_ddl(&role));
    odd.database.client.batch_execute(&grants).await.unwrap();
    let store = SubjectStore::connect(&odd.database.config(&act_as)).unwrap();
    let transaction = store.begin_erase().await.unwrap();
    transaction.lock(&odd.lock(&Rows::Range(&whole()))).await.unwrap();
    // Whoever refers to a row locks it, and with it the table in this mode.
    for (mode, free) in [("ACCESS SHARE", true), ("ROW SHARE", false), ("ROW EXCLUSIVE", false)] {
        assert_eq!(odd.may_have(mode).await, free, "{mode}");
    }
    transaction.rollback().await.unwrap();
    assert!(odd.may_have("ROW EXCLUSIVE").await);
}
