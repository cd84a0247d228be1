//! Rows that are left because other rows still refer to them.

use connectors::KeyRange;
use connectors::erase::{EraseScope, Rows, Verification, verify};
use domain::datamap::{RowTime, TenantPath};
use domain::erasure::{Aside, Guard};
use domain::hold::{Comparison, HeldRows, Operator};
use domain::id::OrganisationId;
use domain::schema::TableName;

use crate::erase::support::{Odd, batch, key, whole};
use crate::support::far_future;

#[tokio::test]
async fn a_row_that_is_still_referred_to_is_left_and_the_statement_succeeds() {
    let odd = Odd::new().await;
    let organisation = OrganisationId::parse("1").unwrap();
    let (all, columns) = (whole(), key(&["select", "userId", "isGuest"]));
    let table = odd.bench.collection("lineItem").table.clone();
    let guards = [Guard { table, columns: columns.clone(), target_columns: columns, aside: None }];
    let scope = EraseScope { guards: &guards, ..EraseScope::all(&organisation, far_future()) };
    let visits = || odd.delete_in("visitLog", &scope, &Rows::Range(&all));
    assert_eq!(odd.run(batch(1), &visits()).await.unwrap().rows, 0, "every visit has lines");
    let some = KeyRange { columns: key(&["id"]), from: None, to: Some(key(&["36"])) };
    odd.run(batch(2), &odd.delete("lineItem", "1", &Rows::Range(&some))).await.unwrap();
    let free = r#""visitLog" v WHERE "orgId" = 1 AND NOT EXISTS
        (SELECT FROM "lineItem" l WHERE (l."select", l."userId", l."isGuest") = (v."select", v."userId", v."isGuest"))"#;
    let (free, before) = (odd.count(free).await, odd.count(r#""visitLog""#).await);
    assert!(free > 0);
    assert_eq!(i64::try_from(odd.run(batch(3), &visits()).await.unwrap().rows).unwrap(), free);
    assert_eq!(odd.count(r#""visitLog""#).await, before - free);
    assert!(odd.count(r#""visitLog" WHERE "orgId" = 1"#).await > 0, "visits with lines are left");
}

/// Calls about the lines of organisation 1, one each: the second has no time, the third came after the cutoff,
/// the fourth is another organisation's and the last one nobody's.
const CALLS: &str = r#"
CREATE TABLE call (id bigint PRIMARY KEY, org int, line bigint, at timestamptz);
INSERT INTO call
SELECT n, CASE n WHEN 4 THEN 2 WHEN 7 THEN NULL ELSE 1 END, id,
       CASE n WHEN 2 THEN NULL WHEN 3 THEN timestamptz '2025-01-01 00:00+00' ELSE '2024-01-01 00:00+00' END
FROM (SELECT l.id, row_number() OVER (ORDER BY l.id) AS n
      FROM "lineItem" l JOIN "visitLog" v USING ("select", "userId", "isGuest") WHERE v."orgId" = 1) own
WHERE n <= 7;
"#;

#[tokio::test]
async fn of_rows_that_stay_by_plan_those_after_the_cutoff_or_held_or_of_others_keep_what_they_refer_to() {
    let odd = Odd::with(CALLS).await;
    let organisation = OrganisationId::parse("1").unwrap();
    let sixth = Comparison { column: "id".to_owned(), operator: Operator::Equal, value: "6".to_owned() };
    let aside = Aside {
        collection: "odd.call".to_owned(),
        tenant: TenantPath { hops: Vec::new(), key_column: "org".to_owned() },
        created_at: Some(RowTime { column: "at".to_owned(), zone: None }),
        held: vec![HeldRows::Keys(vec![key(&["5"])]), HeldRows::Where(vec![sixth])],
    };
    let table = TableName { table: "call".to_owned(), ..odd.bench.collection("lineItem").table.clone() };
    let guards = [Guard { table, columns: key(&["line"]), target_columns: key(&["id"]), aside: Some(aside) }];
    let cutoff_at: chrono::DateTime<chrono::Utc> = "2024-06-01T00:00:00Z".parse().unwrap();
    let scope = EraseScope { guards: &guards, ..EraseScope::all(&organisation, cutoff_at) };
    let all = whole();
    let erased = odd.run(batch(1), &odd.delete_in("lineItem", &scope, &Rows::Range(&all))).await.unwrap();
    let left = r#"SELECT c.id FROM call c JOIN "lineItem" l ON l.id = c.line ORDER BY c.id"#;
    let left = odd.database.client.query(left, &[]).await.unwrap();
    let left: Vec<i64> = left.iter().map(|row| row.get(0)).collect();
    assert_eq!((left, erased.rows), (vec![3, 4, 5, 6, 7], 18 - 5));
}

/// Lines that follow each other.
const THREADED: &str = r#"
ALTER TABLE "lineItem" ADD follows bigint REFERENCES "lineItem" ON DELETE CASCADE;
UPDATE "lineItem" l SET follows = (SELECT max(o.id) FROM "lineItem" o JOIN "visitLog" v USING ("select", "userId", "isGuest")
    WHERE o.id < l.id AND v."orgId" = 1)
FROM "visitLog" w WHERE (w."select", w."userId", w."isGuest") = (l."select", l."userId", l."isGuest") AND w."orgId" = 1;
"#;

#[tokio::test]
async fn rows_with_given_keys_that_refer_to_each_other_go_together_or_none_does() {
    let odd = Odd::with(THREADED).await;
    let organisation = OrganisationId::parse("1").unwrap();
    let table = odd.bench.collection("lineItem").table.clone();
    let threads = [Guard { table, columns: key(&["follows"]), target_columns: key(&["id"]), aside: None }];
    let scope = EraseScope { threads: &threads, ..EraseScope::all(&organisation, far_future()) };
    let own = r#""lineItem" JOIN "visitLog" USING ("select", "userId", "isGuest") WHERE "orgId" = 1"#;
    let ids =
        odd.database.client.query(&format!("SELECT id::text FROM {own} ORDER BY id"), &[]).await.unwrap();
    let keys: Vec<Vec<String>> = ids.iter().map(|row| vec![row.get(0)]).collect();
    // The last one refers to the one before, and stays.
    let (collection, schema) = (odd.bench.collection("lineItem"), &odd.bench.schema);
    for (keys, stays) in [(&keys[..keys.len() - 1], 1), (&keys[..], 0)] {
        let rows = Rows::Keys(keys);
        let counted = Verification::of_threads(collection, schema, &scope, &rows).unwrap();
        let found = verify(&odd.database.config(""), &[counted]).await.unwrap();
        assert_eq!(found.iter().map(|left| left.rows).sum::<i64>(), stays);
        let deleted = if stays > 0 { 0 } else { keys.len() };
        let id = batch(i32::try_from(stays).unwrap());
        let erased = odd.run(id, &odd.delete_in("lineItem", &scope, &rows)).await.unwrap();
        assert_eq!(usize::try_from(erased.rows).unwrap(), deleted);
    }
    assert_eq!(odd.count(own).await, 0);
}
