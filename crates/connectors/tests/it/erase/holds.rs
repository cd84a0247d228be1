//! Held rows stay, and are the only ones that go once their hold is released.

use connectors::erase::{EraseScope, Expected, Page, PageRead, Rows, Verification, verify};
use domain::hold::{Comparison, HeldRows, Hold, Operator};
use domain::id::OrganisationId;

use crate::erase::support::{Odd, batch, hold, hold_on, key, of_others, whole};
use crate::support::far_future;

fn compare(column: &str, operator: Operator, value: &str) -> Comparison {
    Comparison { column: column.to_owned(), operator, value: value.to_owned() }
}

/// What keeps (1, '', false) by its key, and by its columns.
fn holds_of_one_visit() -> [Hold; 2] {
    let columns = [("select", "1"), ("userId", ""), ("isGuest", "false")];
    let comparisons = columns.map(|(column, value)| compare(column, Operator::Equal, value));
    [hold_on(&[key(&["1", "", "false"])]), hold(comparisons.to_vec())]
}

#[tokio::test]
async fn rows_held_by_key_or_by_predicate_are_kept_and_erased_after_the_release() {
    for held in holds_of_one_visit() {
        let odd = Odd::new().await;
        let (all, organisation) = (whole(), OrganisationId::parse("1").unwrap());
        odd.run(batch(1), &odd.delete("lineItem", "1", &Rows::Range(&all))).await.unwrap();
        let before = odd.digests().await;
        let holds = [held.clone()];
        let scope = EraseScope { holds: &holds, ..EraseScope::all(&organisation, far_future()) };
        let erased = odd.run(batch(2), &odd.delete_in("visitLog", &scope, &Rows::Range(&all))).await.unwrap();
        assert_eq!(erased.rows, 8);
        let left = r#""visitLog" WHERE "orgId" = 1 AND "select" = 1 AND "userId" = '' AND NOT "isGuest""#;
        assert_eq!((odd.count(left).await, odd.count(r#""visitLog" WHERE "orgId" = 1"#).await), (1, 1));
        let scope = EraseScope {
            only: std::slice::from_ref(&held.rows),
            ..EraseScope::all(&organisation, far_future())
        };
        let deferred = odd.delete_in("visitLog", &scope, &Rows::Range(&all));
        assert_eq!(odd.run(batch(3), &deferred).await.unwrap().rows, 1);
        assert_eq!(odd.digests().await, of_others(&before, "1"));
    }
}

/// Of the visits 0 to 3 by number, a comparison with 2 keeps those that it says, the boundary included or not.
#[tokio::test]
async fn a_comparison_holds_its_boundary_or_does_not() {
    let odd = Odd::new().await;
    let (all, organisation) = (whole(), OrganisationId::parse("1").unwrap());
    let (collection, schema) = (odd.bench.collection("visitLog"), &odd.bench.schema);
    for (operator, sign) in [
        (Operator::Equal, "="),
        (Operator::NotEqual, "<>"),
        (Operator::Less, "<"),
        (Operator::AtMost, "<="),
        (Operator::Greater, ">"),
        (Operator::AtLeast, ">="),
    ] {
        let holds = [hold(vec![compare("select", operator, "2")])];
        let scope = EraseScope { holds: &holds, ..EraseScope::all(&organisation, far_future()) };
        let page = Page { of: Rows::Range(&all), after: None, rows: 100 };
        let read = PageRead::plan(collection, schema, &scope, &[], &page).unwrap();
        let transaction = odd.bench.store.begin_read().await.unwrap();
        let rows = transaction.page(&read).await.unwrap();
        transaction.finish().await.unwrap();
        let free = odd.count(&format!(r#""visitLog" WHERE "orgId" = 1 AND NOT "select" {sign} 2"#)).await;
        let held = odd.count(&format!(r#""visitLog" WHERE "orgId" = 1 AND "select" {sign} 2"#)).await;
        assert!(free > 0 && held > 0, "{sign}");
        assert_eq!(i64::try_from(rows.len()).unwrap(), free, "{sign}");
    }
}

#[tokio::test]
async fn after_a_release_other_holds_still_keep_their_rows() {
    let odd = Odd::new().await;
    let organisation = OrganisationId::parse("1").unwrap();
    let released = HeldRows::Where(vec![compare("select", Operator::AtMost, "1")]);
    let [still, _] = holds_of_one_visit();
    let holds = [still];
    let scope = EraseScope {
        holds: &holds,
        only: std::slice::from_ref(&released),
        ..EraseScope::all(&organisation, far_future())
    };
    let range = whole();
    let page = Page { of: Rows::Range(&range), after: None, rows: 100 };
    let (collection, schema) = (odd.bench.collection("visitLog"), &odd.bench.schema);
    let read = PageRead::plan(collection, schema, &scope, &[], &page).unwrap();
    let transaction = odd.bench.store.begin_read().await.unwrap();
    let rows = transaction.page(&read).await.unwrap();
    transaction.finish().await.unwrap();
    let truth = r#""visitLog" WHERE "orgId" = 1 AND "select" <= 1 AND ("select", "userId", "isGuest") <> (1, '', false)"#;
    assert_eq!(i64::try_from(rows.len()).unwrap(), odd.count(truth).await);
    assert!(!rows.is_empty() && rows.iter().all(|row| row.key != key(&["1", "", "false"])));
}

#[tokio::test]
async fn what_a_comparison_says_of_null_is_not_held_before_or_after_the_release() {
    let odd = Odd::new().await;
    let (all, organisation) = (whole(), OrganisationId::parse("1").unwrap());
    odd.run(batch(1), &odd.delete("lineItem", "1", &Rows::Range(&all))).await.unwrap();
    let orders = r#""visitLog" WHERE "orgId" = 1 AND "order" IS NULL"#;
    let unknown = odd.count(orders).await;
    let held = hold(vec![compare("order", Operator::Equal, "o")]);
    let scope =
        EraseScope { only: std::slice::from_ref(&held.rows), ..EraseScope::all(&organisation, far_future()) };
    // Tried on the same rows: nothing of it lasts.
    let transaction = odd.bench.store.begin_erase().await.unwrap();
    let released = odd.delete_in("visitLog", &scope, &Rows::Range(&all));
    let rows = transaction.execute(&released).await.unwrap();
    transaction.rollback().await.unwrap();
    assert!(unknown > 0);
    assert_eq!(i64::try_from(rows).unwrap(), 9 - unknown);
    let scope =
        EraseScope { holds: std::slice::from_ref(&held), ..EraseScope::all(&organisation, far_future()) };
    let erased = odd.run(batch(2), &odd.delete_in("visitLog", &scope, &Rows::Range(&all))).await.unwrap();
    assert_eq!((i64::try_from(erased.rows).unwrap(), odd.count(orders).await), (unknown, 0));
    assert_eq!(odd.count(r#""visitLog" WHERE "orgId" = 1"#).await, 9 - unknown);
}

#[tokio::test]
async fn what_is_another_runs_matter_is_neither_touched_nor_counted() {
    for held in holds_of_one_visit() {
        let odd = Odd::new().await;
        let (all, organisation) = (whole(), OrganisationId::parse("1").unwrap());
        odd.run(batch(1), &odd.delete("lineItem", "1", &Rows::Range(&all))).await.unwrap();
        let scope = EraseScope {
            beside: std::slice::from_ref(&held.rows),
            ..EraseScope::all(&organisation, far_future())
        };
        let erased = odd.run(batch(2), &odd.delete_in("visitLog", &scope, &Rows::Range(&all))).await.unwrap();
        assert_eq!(erased.rows, 8);
        let left = r#""visitLog" WHERE "orgId" = 1 AND "select" = 1 AND "userId" = '' AND NOT "isGuest""#;
        assert_eq!((odd.count(left).await, odd.count(r#""visitLog" WHERE "orgId" = 1"#).await), (1, 1));
        let (collection, schema) = (odd.bench.collection("visitLog"), &odd.bench.schema);
        let plan = Verification::plan(collection, schema, &scope, &Rows::Range(&all), Expected::Deleted);
        assert_eq!(verify(&odd.database.config(""), &[plan.unwrap()]).await.unwrap(), []);
    }
}
