//! What an erasure will do, counted beforehand, and what it left, counted afterwards.

use std::collections::BTreeMap;

use connectors::erase::{
    EraseScope, EraseStatement, Expected, Part, Remainder, Rows, Survey, Surveyed, Verification, verify,
};
use domain::datamap::Strategy;
use domain::erasure::{Guard, RowAction};
use domain::hold::{Comparison, HeldRows, Hold, Operator};
use domain::id::OrganisationId;
use uuid::Uuid;

use crate::erase::support::{Odd, batch, changes_of, constant, hold, hold_on, key, of_others, whole};
use crate::support::far_future;

impl Odd {
    async fn survey(&self, part: &Part<'_>, earlier: &[Part<'_>]) -> Surveyed {
        let survey = Survey::plan(part, earlier, &self.bench.schema).unwrap();
        let transaction = self.bench.store.begin_read().await.unwrap();
        let surveyed = transaction.survey(&survey).await.unwrap();
        transaction.finish().await.unwrap();
        surveyed
    }

    fn guards_of_visits(&self) -> [Guard; 1] {
        let columns = key(&["select", "userId", "isGuest"]);
        let table = self.bench.collection("lineItem").table.clone();
        [Guard { table, columns: columns.clone(), target_columns: columns, aside: None }]
    }
}

fn held_by(surveyed: &Surveyed) -> Vec<i64> {
    surveyed.held.values().copied().collect()
}

#[tokio::test]
async fn rows_are_counted_by_what_will_become_of_them() {
    let odd = Odd::new().await;
    let (all, organisation) = (whole(), OrganisationId::parse("1").unwrap());
    let of_first =
        Comparison { column: "select".to_owned(), operator: Operator::Equal, value: "1".to_owned() };
    let holds = [hold(vec![of_first]), hold_on(&[key(&["1", "", "false"]), key(&["0", "0", "false"])])];
    let scope = EraseScope { holds: &holds, ..EraseScope::all(&organisation, far_future()) };
    let changes = changes_of(&[("fullName", Strategy::Null), ("order", constant("gone"))]);
    let action = RowAction::Anonymise(changes);
    let part = Part {
        collection: odd.bench.collection("visitLog"),
        action: &action,
        scope,
        rows: Rows::Range(&all),
    };
    let surveyed = odd.survey(&part, &[]).await;
    let first = odd.count(r#""visitLog" WHERE "orgId" = 1 AND "select" = 1"#).await;
    let keyed = odd.count(r#""visitLog" WHERE "orgId" = 1 AND ("select", "userId", "isGuest") IN ((1, '', false), (0, '0', false))"#).await;
    assert_eq!(held_by(&surveyed), [first, keyed]);
    assert_eq!(keyed, 2, "one of which both hold");
    assert_eq!((surveyed.erased, surveyed.shared, surveyed.guarded), (9 - first - 1, 0, 0));
    assert!(surveyed.samples["fullName"].len() == 3 && surveyed.samples["order"].len() == 3, "{surveyed:?}");
    assert!(surveyed.samples["fullName"].iter().all(|outline| outline.starts_with("xxxx 9")), "{surveyed:?}");
    assert!(surveyed.samples["order"].iter().all(|outline| outline == "x"));
    // As many as are counted are erased.
    let keys = [key(&["1", "", "false"]), key(&["2", "0", "true"]), key(&["3", "", "true"])];
    let of_keys = Part { rows: Rows::Keys(&keys), ..part };
    let surveyed = odd.survey(&of_keys, &[]).await;
    let statement = EraseStatement::anonymise(
        part.collection,
        &odd.bench.schema,
        &scope,
        &Rows::Keys(&keys),
        &changes_of(&[("fullName", Strategy::Null)]),
        &odd.key,
    )
    .unwrap();
    let erased = odd.run(batch(1), &statement).await.unwrap();
    assert_eq!(surveyed.erased, i64::try_from(erased.rows).unwrap());
}

#[tokio::test]
async fn rows_to_which_rows_refer_that_stay_are_foreseen_and_found() {
    let odd = Odd::new().await;
    let (all, organisation) = (whole(), OrganisationId::parse("1").unwrap());
    let guards = odd.guards_of_visits();
    let held = Comparison { column: "id".to_owned(), operator: Operator::AtMost, value: "11".to_owned() };
    let holds = [hold(vec![held])];
    let lines = Part {
        collection: odd.bench.collection("lineItem"),
        action: &RowAction::Delete,
        scope: EraseScope { holds: &holds, ..EraseScope::all(&organisation, far_future()) },
        rows: Rows::Range(&all),
    };
    let visits = Part {
        collection: odd.bench.collection("visitLog"),
        scope: EraseScope { guards: &guards, ..EraseScope::all(&organisation, far_future()) },
        ..lines
    };
    assert_eq!(odd.survey(&visits, &[]).await.guarded, 9, "every visit has lines, if these stay");
    let (foreseen_lines, foreseen) = (odd.survey(&lines, &[]).await, odd.survey(&visits, &[lines]).await);
    let kept = r#""lineItem" l JOIN "visitLog" v USING ("select", "userId", "isGuest") WHERE "orgId" = 1 AND l.id <= 11"#;
    assert_eq!(held_by(&foreseen_lines), [odd.count(kept).await]);
    assert!(foreseen.guarded > 0 && foreseen.erased > 0, "{foreseen:?}");
    let rows = |erased: connectors::erase::Erased| i64::try_from(erased.rows).unwrap();
    let done = odd.run(batch(1), &odd.delete_in("lineItem", &lines.scope, &lines.rows)).await.unwrap();
    assert_eq!(rows(done), foreseen_lines.erased);
    let done = odd.run(batch(2), &odd.delete_in("visitLog", &visits.scope, &visits.rows)).await.unwrap();
    assert_eq!(rows(done), foreseen.erased);
    let left = odd.survey(&visits, &[]).await;
    assert_eq!((left.erased, left.guarded), (0, foreseen.guarded), "what was left is what was foreseen");
    let left = odd.survey(&lines, &[]).await;
    assert_eq!((left.erased, left.held), (0, foreseen_lines.held));
}

#[tokio::test]
async fn only_what_a_released_hold_had_kept_is_counted() {
    let odd = Odd::new().await;
    let (all, organisation) = (whole(), OrganisationId::parse("1").unwrap());
    let only = HeldRows::Keys(vec![key(&["1", "", "false"]), key(&["2", "0", "false"])]);
    let still = [Hold { id: Uuid::from_u128(9), rows: HeldRows::Keys(vec![key(&["1", "", "false"])]) }];
    let part = Part {
        collection: odd.bench.collection("visitLog"),
        action: &RowAction::Delete,
        scope: EraseScope {
            only: std::slice::from_ref(&only),
            holds: &still,
            ..EraseScope::all(&organisation, far_future())
        },
        rows: Rows::Range(&all),
    };
    let of_one = odd
        .count(r#""visitLog" WHERE "orgId" = 1 AND ("select", "userId", "isGuest") = (2, '0', false)"#)
        .await;
    let surveyed = odd.survey(&part, &[]).await;
    assert_eq!((surveyed.erased, surveyed.held), (of_one, BTreeMap::from([(Uuid::from_u128(9), 1)])));
}

#[tokio::test]
async fn columns_are_unlinked_once_and_what_is_still_linked_is_seen() {
    let odd = Odd::new().await;
    let organisation = OrganisationId::parse("1").unwrap();
    let scope = EraseScope::all(&organisation, far_future());
    let (collection, schema) = (odd.bench.collection("visitLog"), &odd.bench.schema);
    let (columns, all) = (key(&["order", "fullName"]), whole());
    let keys = [key(&["1", "", "false"]), key(&["2", "0", "true"]), key(&["0", "", "false"])];
    let expected = Expected::Unlinked(&columns);
    let plan = |rows: &Rows<'_>| Verification::plan(collection, schema, &scope, rows, expected).unwrap();
    let config = odd.database.config("");
    let unlink = EraseStatement::unlink(collection, schema, &scope, &Rows::Keys(&keys), &columns).unwrap();
    let before = odd.digests().await;
    let of_one = odd.count(r#""visitLog" WHERE "orgId" = 1 AND ("select", "userId", "isGuest") IN ((1, '', false), (2, '0', true))"#).await;
    assert!(!verify(&config, &[plan(&Rows::Keys(&keys))]).await.unwrap().is_empty());
    assert_eq!(i64::try_from(odd.run(batch(1), &unlink).await.unwrap().rows).unwrap(), of_one);
    assert_eq!(odd.run(batch(2), &unlink).await.unwrap().rows, 0, "nothing is linked any more");
    assert_eq!(of_others(&odd.digests().await, "1"), of_others(&before, "1"));
    assert_eq!(verify(&config, &[plan(&Rows::Keys(&keys))]).await.unwrap(), []);
    let names = odd.count(r#""visitLog" WHERE "orgId" = 1 AND "fullName" IS NOT NULL"#).await;
    let rest = verify(&config, &[plan(&Rows::Range(&all))]).await.unwrap();
    let of_names =
        Remainder { table: collection.table.clone(), column: Some("fullName".to_owned()), rows: names };
    assert!(rest.contains(&of_names), "{rest:?}");
    // A NOT NULL column cannot be unlinked.
    let org = EraseStatement::unlink(collection, schema, &scope, &Rows::Range(&all), &key(&["orgId"]));
    assert!(org.is_err());
}
