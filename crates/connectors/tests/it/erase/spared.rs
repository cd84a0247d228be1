//! Rows that are left because other rows still refer to them.

use connectors::KeyRange;
use connectors::erase::{EraseScope, Rows};
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
