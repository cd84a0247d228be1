//! Verification finds what an incomplete erasure has left, and says where.

use connectors::erase::{EraseScope, Expected, Remainder, RowKeys, Rows, Verification, verify};
use domain::datamap::Strategy;
use domain::id::OrganisationId;

use crate::erase::support::{Odd, batch, changes_of, constant, hold, key, whole};
use crate::support::far_future;

impl Odd {
    async fn left(
        &self,
        collection: &str,
        scope: &EraseScope<'_>,
        rows: &Rows<'_>,
        expected: Expected<'_>,
    ) -> Vec<Remainder> {
        let (collection, schema) = (self.bench.collection(collection), &self.bench.schema);
        let plan = Verification::plan(collection, schema, scope, rows, expected).unwrap();
        verify(&self.database.config(""), &[plan]).await.unwrap()
    }
}

#[tokio::test]
async fn rows_that_should_be_gone_are_counted() {
    let odd = Odd::new().await;
    let organisation = OrganisationId::parse("1").unwrap();
    let scope = EraseScope::all(&organisation, far_future());
    let (all, table) = (whole(), odd.bench.collection("lineItem").table.clone());
    let rest = |rows| vec![Remainder { table: table.clone(), column: None, rows }];
    assert_eq!(odd.left("lineItem", &scope, &Rows::Range(&all), Expected::Deleted).await, rest(18));
    let some = connectors::KeyRange { columns: key(&["id"]), from: None, to: Some(key(&["10"])) };
    let rows = odd.run(batch(1), &odd.delete("lineItem", "1", &Rows::Range(&some))).await.unwrap().rows;
    let left = 18 - i64::try_from(rows).unwrap();
    assert!(rows > 0 && left > 0);
    assert_eq!(odd.left("lineItem", &scope, &Rows::Range(&all), Expected::Deleted).await, rest(left));
    odd.run(batch(2), &odd.delete("lineItem", "1", &Rows::Range(&all))).await.unwrap();
    assert_eq!(odd.left("lineItem", &scope, &Rows::Range(&all), Expected::Deleted).await, []);
    // What is held, or came later, is no remainder.
    let (nothing, past) = ([hold(Vec::new())], "2023-01-01T00:00:00Z".parse().unwrap());
    let held = EraseScope { holds: &nothing, ..scope };
    assert_eq!(odd.left("visitLog", &held, &Rows::Range(&all), Expected::Deleted).await, []);
    let early = EraseScope { cutoff_at: Some(past), ..scope };
    let undated = odd.count(r#""visitLog" WHERE "orgId" = 1 AND at IS NULL"#).await;
    assert_eq!(odd.left("visitLog", &early, &Rows::Range(&all), Expected::Deleted).await[0].rows, undated);
}

#[tokio::test]
async fn values_that_should_have_changed_are_counted_by_column() {
    let odd = Odd::new().await;
    let organisation = OrganisationId::parse("1").unwrap();
    let scope = EraseScope::all(&organisation, far_future());
    let table = odd.bench.collection("visitLog").table.clone();
    let rest = |column: &str, rows| Remainder { table: table.clone(), column: Some(column.to_owned()), rows };
    let changes = [("fullName", Strategy::Pseudonymise), ("order", constant("gone"))];
    let keys = [key(&["0", "0", "false"]), key(&["1", "", "false"]), key(&["2", "0", "true"])];
    let of_one = odd.count(r#""visitLog" WHERE "orgId" = 1 AND ("select", "userId", "isGuest") IN ((0, '0', false), (1, '', false), (2, '0', true))"#).await;
    let erased = odd.run(batch(1), &odd.anonymise("1", &Rows::Keys(&keys), &changes)).await.unwrap();
    assert!(erased.rows > 0);
    assert_eq!(i64::try_from(erased.rows).unwrap(), of_one);
    let changes = changes_of(&changes);
    let expected = Expected::Anonymised { changes: &changes, key: &odd.key };
    assert_eq!(
        odd.left("visitLog", &scope, &Rows::Keys(&keys), expected).await,
        [],
        "nothing of what was named"
    );
    let orders = odd.count(r#""visitLog" WHERE "orgId" = 1 AND "order" = 'o'"#).await;
    let all = whole();
    let left = odd.left("visitLog", &scope, &Rows::Range(&all), expected).await;
    assert_eq!(left, [rest("fullName", 9 - of_one), rest("order", orders)]);
}

#[tokio::test]
async fn what_cannot_be_seen_is_said() {
    let odd = Odd::new().await;
    let organisation = OrganisationId::parse("1").unwrap();
    let scope = EraseScope::all(&organisation, far_future());
    let changes = changes_of(&[("fullName", Strategy::FormatPreserving)]);
    let (collection, all) = (odd.bench.collection("visitLog"), whole());
    let expected = Expected::Anonymised { changes: &changes, key: &odd.key };
    let plan =
        Verification::plan(collection, &odd.bench.schema, &scope, &Rows::Range(&all), expected).unwrap();
    assert_eq!(plan.unverifiable(), ["fullName"]);
    assert_eq!(verify(&odd.database.config(""), &[plan]).await.unwrap(), []);
}

#[test]
fn the_keys_of_held_rows_are_counted_and_never_shown() {
    let keys = RowKeys(vec![key(&["ada@example.org"]), key(&["bo@example.org"])]);
    assert_eq!(format!("{keys:?}"), "RowKeys { rows: 2 }");
}
