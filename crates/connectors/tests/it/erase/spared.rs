//! Rows that are left because other rows still refer to them.

use connectors::KeyRange;
use connectors::erase::{EraseScope, Rows, Verification, verify};
use domain::erasure::Guard;
use domain::id::OrganisationId;

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
