//! An organisation's rows in ranges of about equal size, each erased by itself.

use connectors::KeyRange;
use connectors::erase::{Batch, EraseScope, EraseStatement, RangeRead, Rows, journal_ddl, run_batch};
use domain::id::OrganisationId;

use crate::erase::support::batch;
use crate::support::{Bench, TestDatabase, far_future};

const MAP: &str = "
dataset:
- fides_key: cut
  lethe: {organisation: {collection: tenant, key: id}}
  collections:
  - name: tenant
    fields: [{name: id, fides_meta: {primary_key: true}}]
  - name: thing
    lethe: {tenant: tenant_id}
    fields: [{name: tenant_id, fides_meta: {references: [{dataset: cut, field: tenant.id}]}}]
";

async fn things(key: &str) -> (TestDatabase, Bench) {
    let sql = format!(
        "CREATE TABLE tenant (id int PRIMARY KEY);
        CREATE TABLE thing (part text, no int, free boolean, tenant_id int{key});
        INSERT INTO thing SELECT chr(97 + g % 7) || g % 13, g, g % 2 = 0, g % 3 FROM generate_series(0, 5999) g;"
    );
    let database = TestDatabase::with(&sql).await;
    let user: String = database.client.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
    database.client.batch_execute(&journal_ddl(&user)).await.unwrap();
    let bench = Bench::new(database.store(), MAP).await;
    (database, bench)
}

async fn ranges(bench: &Bench, rows: i64, size: u32) -> Vec<KeyRange> {
    let organisation = OrganisationId::parse("1").unwrap();
    let read =
        RangeRead::plan(bench.collection("thing"), &bench.schema, &organisation, far_future()).unwrap();
    let transaction = bench.store.begin_read().await.unwrap();
    let ranges = transaction.ranges(&read, rows, size).await.unwrap();
    transaction.finish().await.unwrap();
    ranges
}

#[tokio::test]
async fn the_same_rows_give_the_same_ranges_which_hold_each_row_once() {
    let (database, bench) = things(", PRIMARY KEY (part, free, no)").await;
    let cut = ranges(&bench, 2000, 250).await;
    assert_eq!(cut.len(), 8);
    assert_eq!(ranges(&bench, 2000, 250).await, cut);
    let organisation = OrganisationId::parse("1").unwrap();
    let scope = EraseScope::all(&organisation, far_future());
    let mut total = 0;
    for (number, range) in (0..).zip(&cut) {
        let statement =
            EraseStatement::delete(bench.collection("thing"), &bench.schema, &scope, &Rows::Range(range))
                .unwrap();
        let run = Batch { id: batch(number), statements: std::slice::from_ref(&statement) };
        let rows = run_batch(&bench.store, &run).await.unwrap().rows;
        assert!((150..350).contains(&rows), "{rows} rows in one range");
        total += rows;
    }
    let left = "SELECT count(*) FILTER (WHERE tenant_id = 1), count(*) FROM thing";
    let left = database.client.query_one(left, &[]).await.unwrap();
    assert_eq!((total, left.get::<_, i64>(0), left.get::<_, i64>(1)), (2000, 0, 4000));
}

#[tokio::test]
async fn without_rows_to_cut_or_a_key_to_cut_along_there_is_one_range() {
    let (_database, bench) = things(", PRIMARY KEY (part, free, no)").await;
    for (rows, size) in [(0, 100), (100, 100), (2000, 5000), (2000, u32::MAX)] {
        assert_eq!(ranges(&bench, rows, size).await, [KeyRange::whole()], "{rows} by {size}");
    }
    let (_database, bench) = things("").await;
    assert_eq!(ranges(&bench, 2000, 100).await, [KeyRange::whole()]);
}
