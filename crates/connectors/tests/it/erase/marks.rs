//! An organisation is marked as deleted once, and restored once, whoever comes late.

use std::collections::BTreeMap;

use connectors::erase::{
    Batch, BatchId, BegunRestoring, EraseStatement, Erased, MarkHeld, Restoring, journal_ddl, run_batch,
};
use domain::erasure::{SoftDelete, soft_delete};
use domain::hold::{Comparison, HeldRows, Hold, Operator};
use domain::id::{OrganisationId, StepNo};
use uuid::Uuid;

use crate::erase::support::batch;
use crate::support::{Bench, TestDatabase};

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: Org, key: id, soft_delete: goneAt}}
  collections:
  - name: Org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: goneAt}]
";

/// Organisation 0 lives, and so does its neighbour; another is marked already.
struct Orgs {
    database: TestDatabase,
    bench: Bench,
    mark: SoftDelete,
}

const MARKING: i32 = 1;
const RESTORING: i32 = 2;

impl Orgs {
    async fn of(sql_type: &str, living: &str, gone: &str) -> Self {
        let sql = format!(
            r#"CREATE TABLE "Org" (id int PRIMARY KEY, "goneAt" {sql_type});
            INSERT INTO "Org" VALUES (0, {living}), (1, {living}), (2, {gone})"#
        );
        let database = TestDatabase::with(&sql).await;
        let user: String = database.client.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
        database.client.batch_execute(&journal_ddl(&user)).await.unwrap();
        let bench = Bench::new(database.store(), MAP).await;
        let table = bench.collection("Org").table.clone();
        let facts = BTreeMap::from([("shop".to_owned(), bench.store.facts(&[table]).await.unwrap())]);
        let live = BTreeMap::from([("shop".to_owned(), bench.schema.clone())]);
        let mark = soft_delete(&bench.map, &live, &facts).unwrap().unwrap();
        Self { database, bench, mark }
    }

    async fn mark(&self, organisation: &str) -> Erased {
        let organisation = OrganisationId::parse(organisation).unwrap();
        let statement = EraseStatement::soft_delete(&self.mark, &self.bench.schema, &organisation).unwrap();
        let run = Batch { id: batch(MARKING), statements: std::slice::from_ref(&statement) };
        run_batch(&self.bench.store, &run).await.unwrap()
    }

    async fn restore(&self, organisation: &str) -> Erased {
        let organisation = OrganisationId::parse(organisation).unwrap();
        let statement =
            EraseStatement::undo_soft_delete(&self.mark, &self.bench.schema, &organisation).unwrap();
        let ids: (BatchId, BatchId) = (batch(MARKING), batch(RESTORING));
        match Restoring::begin(&self.bench.store, ids, &organisation).await.unwrap() {
            BegunRestoring::Done(rows) => Erased { rows, already_done: true },
            BegunRestoring::Open(open) => open.commit(&statement).await.unwrap(),
        }
    }

    /// Every organisation's mark.
    async fn marks(&self) -> Vec<Option<String>> {
        let rows = self.database.client.query(r#"SELECT "goneAt"::text FROM "Org" ORDER BY id"#, &[]).await;
        rows.unwrap().iter().map(|row| row.get(0)).collect()
    }

    async fn set(&self, sql: &str) {
        self.database.client.batch_execute(sql).await.unwrap();
    }
}

const ONCE: Erased = Erased { rows: 1, already_done: false };
const AGAIN: Erased = Erased { rows: 1, already_done: true };
const NOTHING: Erased = Erased { rows: 0, already_done: false };

#[tokio::test]
async fn marks_of_every_type_are_set_once_and_taken_back_once() {
    for (sql_type, living, gone) in [
        ("timestamptz", "NULL", "'2020-01-01'"),
        ("timestamp(0)", "NULL", "'2020-01-01'"),
        ("date", "NULL", "'2020-01-01'"),
        ("boolean NOT NULL", "false", "true"),
        ("boolean", "NULL", "true"),
    ] {
        let orgs = Orgs::of(sql_type, living, gone).await;
        let before = orgs.marks().await;
        assert_eq!((orgs.mark("0").await, orgs.mark("0").await), (ONCE, AGAIN), "{sql_type}");
        let marked = orgs.marks().await;
        let text = marked[0].as_deref().unwrap();
        let day = text.get(..10).and_then(|day| day.parse::<chrono::NaiveDate>().ok());
        let today = chrono::Utc::now().date_naive();
        assert!(text == "true" || day.is_some_and(|day| (today - day).num_days() <= 1), "{sql_type}: {text}");
        assert_eq!(marked[1..], before[1..], "{sql_type}");
        assert_eq!((orgs.restore("0").await, orgs.restore("0").await), (ONCE, AGAIN), "{sql_type}");
        let restored = orgs.marks().await;
        assert_eq!(restored[1..], before[1..]);
        assert!(restored[0].is_none() || restored[0].as_deref() == Some("false"), "{restored:?}");
        assert_eq!(orgs.mark("0").await, AGAIN, "whoever comes late marks nothing");
        assert_eq!(orgs.marks().await, restored);
    }
}

#[tokio::test]
async fn an_organisation_that_never_was_marked_never_will_be() {
    let orgs = Orgs::of("timestamptz", "NULL", "'2020-01-01'").await;
    let before = orgs.marks().await;
    assert_eq!(orgs.restore("0").await, NOTHING);
    assert_eq!(orgs.mark("0").await, Erased { rows: 0, already_done: true });
    assert_eq!(orgs.marks().await, before);
}

#[tokio::test]
async fn what_somebody_else_had_marked_is_not_taken_back() {
    let orgs = Orgs::of("timestamptz", "NULL", "'2020-01-01'").await;
    let before = orgs.marks().await;
    assert_eq!((orgs.mark("2").await, orgs.restore("2").await), (NOTHING, NOTHING));
    assert_eq!(orgs.marks().await, before);
}

#[tokio::test]
async fn what_was_marked_again_after_a_restoration_stays_marked() {
    let orgs = Orgs::of("boolean", "false", "true").await;
    assert_eq!((orgs.mark("0").await, orgs.restore("0").await), (ONCE, ONCE));
    orgs.set(r#"UPDATE "Org" SET "goneAt" = true WHERE id = 0"#).await;
    assert_eq!(orgs.restore("0").await, AGAIN);
    assert_eq!(orgs.marks().await[0].as_deref(), Some("true"));
}

#[tokio::test]
async fn marking_and_restoring_at_once_leave_it_unmarked() {
    let orgs = Orgs::of("timestamptz", "NULL", "'2020-01-01'").await;
    let before = orgs.marks().await;
    let marks = futures::future::join_all((0..5).map(|_| orgs.mark("0")));
    let restores = futures::future::join_all((0..5).map(|_| orgs.restore("0")));
    let (marked, restored) = tokio::join!(marks, restores);
    assert_eq!(restored.iter().filter(|erased| !erased.already_done).count(), 1, "{marked:?} {restored:?}");
    assert_eq!(orgs.marks().await, before);
}

#[tokio::test]
async fn the_first_hold_that_keeps_the_organisations_row_is_told() {
    let orgs = Orgs::of("timestamptz", "NULL", "'2020-01-01'").await;
    let equal = |value: &str| {
        let (column, operator) = ("id".to_owned(), Operator::Equal);
        HeldRows::Where(vec![Comparison { column, operator, value: value.to_owned() }])
    };
    let (id, ours) = (|n: u128| Uuid::from_u128(n), OrganisationId::parse("0").unwrap());
    let other = Hold { id: id(1), rows: equal("1") };
    let keyed = Hold { id: id(2), rows: HeldRows::Keys(vec![vec!["0".to_owned()]]) };
    let all = Hold { id: id(3), rows: HeldRows::Where(Vec::new()) };
    for (holds, first) in [
        (vec![], None),
        (vec![other.clone()], None),
        (vec![other.clone(), keyed, all.clone()], Some(id(2))),
        (vec![other, all], Some(id(3))),
        (vec![Hold { id: id(4), rows: equal("0") }], Some(id(4))),
    ] {
        let asked = MarkHeld::plan(&orgs.mark, &orgs.bench.schema, &ours, &holds).unwrap();
        let transaction = orgs.bench.store.begin_erase().await.unwrap();
        assert_eq!(transaction.keeps(&asked).await.unwrap(), first);
        transaction.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn to_mark_and_to_restore_is_not_to_erase() {
    let orgs = Orgs::of("timestamptz", "NULL", "'2020-01-01'").await;
    orgs.mark("0").await;
    let job = batch(MARKING).job;
    let writers = orgs.bench.store.writers(job).await.unwrap();
    assert_eq!((writers.ids.len(), writers.complete), (0, true));
    // Planning was the second step, and has taken the mark away; a third has erased.
    orgs.set(&format!("INSERT INTO lethe.journal VALUES ('{}', 2, 0, 1)", job.0)).await;
    let third = BatchId { job, step: StepNo(3), batch: 0 };
    let ours = OrganisationId::parse("1").unwrap();
    let statement = EraseStatement::soft_delete(&orgs.mark, &orgs.bench.schema, &ours).unwrap();
    let run = Batch { id: third, statements: std::slice::from_ref(&statement) };
    run_batch(&orgs.bench.store, &run).await.unwrap();
    let written = r#"SELECT xmin::text FROM "Org" WHERE id = 1"#;
    let written: String = orgs.database.client.query_one(written, &[]).await.unwrap().get(0);
    assert_eq!(orgs.bench.store.writers(job).await.unwrap().ids, [written]);
}
