//! The rows that are meant and no others: keys of 0, '' and false, holds, the cutoff.

use connectors::KeyRange;
use connectors::PlanError;
use connectors::erase::{EraseScope, EraseStatement, Page, PageRead, PageRow, Rows};
use domain::datamap::Strategy;
use domain::hold::{Comparison, Operator};
use domain::id::OrganisationId;

use crate::erase::support::{Odd, batch, changes_of, constant, hold, key, of_others, whole};
use crate::support::far_future;

#[tokio::test]
async fn a_key_of_nought_and_nothing_is_one_row() {
    let odd = Odd::new().await;
    let before = odd.digests().await;
    // (0, '', false) belongs to organisation 0, and so do its two lines.
    let keys = [key(&["0", "", "false"])];
    let changes = [("fullName", constant("gone")), ("order", Strategy::Null)];
    let statement = odd.anonymise("0", &Rows::Keys(&keys), &changes);
    assert_eq!((statement.at_most(), odd.run(batch(1), &statement).await.unwrap().rows), (Some(1), 1));
    assert_eq!(odd.count(r#""visitLog" WHERE "fullName" = 'gone' AND "order" IS NULL"#).await, 1);
    let changed =
        r#""visitLog" WHERE "select" = 0 AND "userId" = '' AND NOT "isGuest" AND "fullName" = 'gone'"#;
    assert_eq!(odd.count(changed).await, 1);
    assert_eq!(of_others(&odd.digests().await, "0"), of_others(&before, "0"));
}

#[tokio::test]
async fn another_organisations_keys_change_nothing() {
    let odd = Odd::new().await;
    let before = odd.digests().await;
    let rows = odd
        .database
        .client
        .query(r#"SELECT "select"::text, "userId", "isGuest"::text FROM "visitLog""#, &[])
        .await;
    let every: Vec<Vec<String>> =
        rows.unwrap().iter().map(|row| vec![row.get(0), row.get(1), row.get(2)]).collect();
    assert_eq!(every.len(), 24);
    let statement = odd.anonymise("1", &Rows::Keys(&every), &[("fullName", Strategy::Null)]);
    assert_eq!(odd.run(batch(1), &statement).await.unwrap().rows, 9);
    assert_eq!(odd.count(r#""visitLog" WHERE "fullName" IS NULL AND "orgId" <> 1"#).await, 0);
    assert_eq!(of_others(&odd.digests().await, "1"), of_others(&before, "1"));
}

#[tokio::test]
async fn whole_organisations_and_ranges_of_them_leave_the_others_byte_for_byte() {
    let odd = Odd::new().await;
    let before = odd.digests().await;
    let all = whole();
    assert_eq!(odd.run(batch(1), &odd.delete("lineItem", "0", &Rows::Range(&all))).await.unwrap().rows, 14);
    assert_eq!(of_others(&odd.digests().await, "0"), of_others(&before, "0"));
    let columns = key(&["select", "userId", "isGuest"]);
    let bound = Some(key(&["0", "0", "false"]));
    let first = KeyRange { columns: columns.clone(), from: None, to: bound.clone() };
    let rest = KeyRange { columns, from: bound, to: None };
    let mut rows = 0;
    for (number, range) in [(2, &first), (3, &rest)] {
        rows += odd.run(batch(number), &odd.delete("visitLog", "0", &Rows::Range(range))).await.unwrap().rows;
    }
    assert_eq!(rows, 7);
    assert_eq!(odd.digests().await, of_others(&before, "0"), "nothing is left of 0, and all of the others");
}

#[tokio::test]
async fn what_is_held_and_what_came_later_stays() {
    let odd = Odd::new().await;
    let organisation = OrganisationId::parse("1").unwrap();
    let compare = |column: &str, operator, value: &str| Comparison {
        column: column.to_owned(),
        operator,
        value: value.to_owned(),
    };
    let holds = [
        hold(vec![compare("userId", Operator::Equal, ""), compare("isGuest", Operator::Equal, "true")]),
        hold(vec![compare("order", Operator::NotEqual, "o")]),
    ];
    let cutoff_at: chrono::DateTime<chrono::Utc> = "2024-06-01T00:00:00Z".parse().unwrap();
    let scope = EraseScope { holds: &holds, ..EraseScope::all(&organisation, cutoff_at) };
    let all = whole();
    odd.run(batch(1), &odd.delete("lineItem", "1", &Rows::Range(&all))).await.unwrap();
    let truth = r#""visitLog" WHERE "orgId" = 1 AND (at IS NULL OR at <= '2024-06-01') AND NOT ("userId" = '' AND "isGuest")"#;
    let expected = odd.count(truth).await;
    let erased = odd.run(batch(2), &odd.delete_in("visitLog", &scope, &Rows::Range(&all))).await.unwrap();
    assert_eq!((i64::try_from(erased.rows).unwrap(), odd.count(truth).await), (expected, 0));
    assert!(odd.count(r#""visitLog" WHERE "orgId" = 1 AND at > '2024-06-01'"#).await > 0, "made later");
    assert!(odd.count(r#""visitLog" WHERE "orgId" = 1 AND "userId" = '' AND "isGuest""#).await > 0, "held");
    // A hold without comparisons holds everything.
    let nothing = [hold(Vec::new())];
    let scope = EraseScope { holds: &nothing, ..EraseScope::all(&organisation, far_future()) };
    assert_eq!(
        odd.run(batch(3), &odd.delete_in("visitLog", &scope, &Rows::Range(&all))).await.unwrap().rows,
        0
    );
}

#[tokio::test]
async fn a_key_that_would_be_cut_to_fit_is_no_key() {
    let odd = Odd::with(
        r#"CREATE TABLE badge (code varchar(4) PRIMARY KEY, "orgId" int); INSERT INTO badge VALUES ('acme', 1), ('ac', 1)"#,
    )
    .await;
    let yaml = "
dataset:
- fides_key: odd
  lethe: {organisation: {collection: Org, key: id}}
  collections:
  - name: Org
    fields: [{name: id}, {name: name}]
  - name: badge
    lethe: {tenant: orgId}
    fields: [{name: code, fides_meta: {primary_key: true}}, {name: orgId, fides_meta: {references: [{dataset: odd, field: Org.id, direction: to}]}}]";
    let map = domain::datamap::DataMap::parse(yaml).unwrap();
    let organisation = OrganisationId::parse("1").unwrap();
    let scope = EraseScope::all(&organisation, far_future());
    let keys = [key(&["acme-west"]), key(&["ac"])];
    let collection = map.datasets[0].collection("badge").unwrap();
    let schema = odd.bench.store.live_schema(&["public"]).await.unwrap();
    let statement = EraseStatement::delete(collection, &schema, &scope, &Rows::Keys(&keys)).unwrap();
    assert_eq!(odd.run(batch(1), &statement).await.unwrap().rows, 1);
    assert_eq!(odd.count("badge WHERE code = 'acme'").await, 1);
}

#[tokio::test]
async fn what_cannot_address_its_rows_is_refused() {
    let mut odd = Odd::new().await;
    let organisation = OrganisationId::parse("1").unwrap();
    let scope = EraseScope::all(&organisation, far_future());
    let collection = odd.bench.collection("visitLog").clone();
    let (table, short) = (collection.table.clone(), [key(&["0", ""])]);
    let plan = |odd: &Odd, rows: &Rows<'_>| {
        EraseStatement::delete(&collection, &odd.bench.schema, &scope, rows).unwrap_err()
    };
    assert_eq!(plan(&odd, &Rows::Keys(&short)), PlanError::BadRow(table.clone()));
    let all = whole();
    let changes = changes_of(&[("at", Strategy::Mask)]);
    let misfit = EraseStatement::anonymise(
        &collection,
        &odd.bench.schema,
        &scope,
        &Rows::Range(&all),
        &changes,
        &odd.key,
    );
    assert!(matches!(misfit.unwrap_err(), PlanError::Misfit { strategy: "mask", .. }));
    let kept = changes_of(&[("order", Strategy::Keep)]);
    let nothing = EraseStatement::anonymise(
        &collection,
        &odd.bench.schema,
        &scope,
        &Rows::Range(&all),
        &kept,
        &odd.key,
    );
    assert_eq!(nothing.unwrap_err(), PlanError::NothingToChange(table.clone()));
    odd.bench.schema.tables.get_mut(&table).unwrap().primary_key.clear();
    assert_eq!(plan(&odd, &Rows::Keys(&[key(&["0", "", "false"])])), PlanError::NoPrimaryKey(table));
}

#[tokio::test]
async fn pages_hold_every_row_once_and_are_written_back_by_their_keys() {
    let odd = Odd::new().await;
    let before = odd.digests().await;
    let organisation = OrganisationId::parse("2").unwrap();
    let scope = EraseScope::all(&organisation, far_future());
    let (collection, schema) = (odd.bench.collection("visitLog"), &odd.bench.schema);
    let columns = key(&["fullName", "order", "at"]);
    let (range, mut last, mut number) = (whole(), None::<Vec<String>>, 0);
    loop {
        let page = Page { of: Rows::Range(&range), after: last.as_deref(), rows: 3 };
        let read = PageRead::plan(collection, schema, &scope, &columns, &page).unwrap();
        let transaction = odd.bench.store.begin_read().await.unwrap();
        let mut rows = transaction.page(&read).await.unwrap();
        transaction.finish().await.unwrap();
        for row in &mut rows {
            row.values[0] = row.values[0].as_ref().map(|name| name.to_uppercase());
        }
        let statement = EraseStatement::write(collection, schema, &scope, &columns, &page.of, &rows).unwrap();
        number += 1;
        assert_eq!(
            odd.run(batch(number), &statement).await.unwrap().rows,
            u64::try_from(rows.len()).unwrap()
        );
        last = rows.last().map(|row: &PageRow| row.key.clone());
        if rows.len() < 3 {
            break;
        }
    }
    assert_eq!(number, 3, "eight rows");
    assert_eq!(odd.count(r#""visitLog" WHERE "fullName" LIKE 'NAME %' AND "orgId" = 2"#).await, 8);
    odd.database.client.batch_execute(r#"UPDATE "visitLog" SET "fullName" = 'Name ' || "select" || "userId" || "isGuest" WHERE "orgId" = 2"#).await.unwrap();
    assert_eq!(odd.digests().await, before, "times and NULLs were written as they were read");
}

/// Between the reading of a page and its writing a row may come to be held, or another organisation's: the
/// statement that writes asks for all of it again.
#[tokio::test]
async fn what_was_computed_is_not_written_to_rows_of_others_or_that_are_held() {
    let odd = Odd::new().await;
    let before = odd.digests().await;
    let organisation = OrganisationId::parse("1").unwrap();
    let (collection, schema) = (odd.bench.collection("visitLog"), &odd.bench.schema);
    let every = r#"SELECT "select"::text, "userId", "isGuest"::text FROM "visitLog""#;
    let rows: Vec<PageRow> = odd
        .database
        .client
        .query(every, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| PageRow {
            key: vec![row.get(0), row.get(1), row.get(2)],
            values: vec![Some("computed".to_owned())],
        })
        .collect();
    assert_eq!(rows.len(), 24);
    let comparison =
        Comparison { column: "isGuest".to_owned(), operator: Operator::Equal, value: "true".to_owned() };
    let holds = [hold(vec![comparison])];
    let cutoff_at: chrono::DateTime<chrono::Utc> = "2024-06-01T00:00:00Z".parse().unwrap();
    let scope = EraseScope { holds: &holds, ..EraseScope::all(&organisation, cutoff_at) };
    let (range, columns) = (whole(), key(&["fullName"]));
    let write =
        EraseStatement::write(collection, schema, &scope, &columns, &Rows::Range(&range), &rows).unwrap();
    let truth = r#""visitLog" WHERE "orgId" = 1 AND NOT "isGuest" AND (at IS NULL OR at <= '2024-06-01')"#;
    let expected = odd.count(truth).await;
    let written = odd.run(batch(1), &write).await.unwrap().rows;
    assert!(expected > 0 && expected < 9);
    assert_eq!(i64::try_from(written).unwrap(), expected);
    assert_eq!(odd.count(&format!(r#"{truth} AND "fullName" = 'computed'"#)).await, expected);
    assert_eq!(odd.count(r#""visitLog" WHERE "fullName" = 'computed'"#).await, expected, "and nowhere else");
    assert_eq!(of_others(&odd.digests().await, "1"), of_others(&before, "1"));
}

#[tokio::test]
async fn what_was_computed_is_written_to_rows_of_the_batch_alone() {
    let odd = Odd::new().await;
    let organisation = OrganisationId::parse("1").unwrap();
    let scope = EraseScope::all(&organisation, far_future());
    let (collection, schema) = (odd.bench.collection("visitLog"), &odd.bench.schema);
    let row = |parts: [&str; 3]| PageRow { key: key(&parts), values: vec![Some("computed".to_owned())] };
    let rows = [row(["0", "0", "false"]), row(["1", "", "false"]), row(["3", "", "true"])];
    let (columns, bound) = (key(&["select", "userId", "isGuest"]), Some(key(&["1", "", "false"])));
    let first = KeyRange { columns, from: None, to: bound };
    let write =
        EraseStatement::write(collection, schema, &scope, &key(&["fullName"]), &Rows::Range(&first), &rows);
    assert_eq!(odd.run(batch(1), &write.unwrap()).await.unwrap().rows, 1);
    let computed = r#""visitLog" WHERE "fullName" = 'computed'"#;
    assert_eq!(
        (odd.count(computed).await, odd.count(&format!(r#"{computed} AND "select" = 0"#)).await),
        (1, 1)
    );
}
