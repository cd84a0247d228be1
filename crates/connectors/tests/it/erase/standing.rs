//! What still stands in a row: to one to which it was done nothing is done again, and it is held by nobody.

use connectors::erase::{
    BatchId, DoneBy, EraseScope, EraseStatement, Expected, Page, PageRead, PageRow, RowKeys, Rows,
    Verification, Writers, look_and_name,
};
use domain::datamap::Strategy;
use domain::id::{OrganisationId, StepNo};

use crate::erase::support::{Odd, batch, changes_of, hold_on, key, whole};
use crate::support::far_future;

#[tokio::test]
async fn a_row_whose_value_was_replaced_is_not_touched_again() {
    let odd = Odd::new().await;
    let (all, organisation) = (whole(), OrganisationId::parse("1").unwrap());
    let changes = [("fullName", Strategy::Pseudonymise)];
    let keys = [key(&["0", "0", "false"]), key(&["1", "", "false"])];
    odd.run(batch(1), &odd.anonymise("1", &Rows::Keys(&keys), &changes)).await.unwrap();
    let names = r#"SELECT string_agg("fullName", ' ' ORDER BY "select") FROM "visitLog" WHERE "orgId" = 1
                   AND ("select", "userId", "isGuest") IN ((0, '0', false), (1, '', false))"#;
    let before: String = odd.database.client.query_one(names, &[]).await.unwrap().get(0);
    let replaced = changes_of(&changes);
    let expected = Expected::Anonymised { changes: &replaced, key: &odd.key };
    let done = Some(DoneBy { expected, writers: &Writers::default() });
    let scope = EraseScope { done, ..EraseScope::all(&organisation, far_future()) };
    let rest = odd.anonymise_in(&scope, &Rows::Range(&all), &changes);
    assert_eq!(odd.run(batch(2), &rest).await.unwrap().rows, 7);
    let after: String = odd.database.client.query_one(names, &[]).await.unwrap().get(0);
    assert_eq!(after, before, "a pseudonym of a pseudonym would differ");
}

#[tokio::test]
async fn where_no_value_tells_it_is_done_again_to_rows_that_somebody_else_wrote_last() {
    let odd = Odd::new().await;
    let (all, organisation) = (whole(), OrganisationId::parse("1").unwrap());
    let scope = EraseScope::all(&organisation, far_future());
    let (collection, schema) = (odd.bench.collection("visitLog"), &odd.bench.schema);
    let page = Page { of: Rows::Range(&all), after: None, rows: 100 };
    let columns = key(&["fullName"]);
    let read = async |scope: &EraseScope<'_>| {
        let read = PageRead::plan(collection, schema, scope, &columns, &page).unwrap();
        let transaction = odd.bench.store.begin_read().await.unwrap();
        let rows: Vec<PageRow> = transaction.page(&read).await.unwrap();
        transaction.finish().await.unwrap();
        rows
    };
    let mut rows = read(&scope).await;
    assert_eq!(rows.len(), 9);
    // The job has left one of them.
    let left = rows.pop().unwrap().key;
    for row in &mut rows {
        row.values = vec![Some("Eman 17".to_owned())];
    }
    let write = EraseStatement::write(collection, schema, &scope, &columns, &page.of, &rows).unwrap();
    let erasing = BatchId { step: StepNo(2), ..batch(1) };
    assert_eq!(odd.run(erasing, &write).await.unwrap().rows, 8);
    let writers = odd.bench.store.writers(erasing.job).await.unwrap();
    assert_eq!((writers.ids.len(), writers.complete), (1, true));
    let changes = changes_of(&[("fullName", Strategy::FormatPreserving)]);
    let expected = Expected::Anonymised { changes: &changes, key: &odd.key };
    let again = EraseScope { done: Some(DoneBy { expected, writers: &writers }), ..scope };
    let keys = |rows: Vec<PageRow>| rows.into_iter().map(|row| row.key).collect::<Vec<_>>();
    assert_eq!(keys(read(&again).await), std::slice::from_ref(&left));
    let put_back = r#"UPDATE "visitLog" SET "fullName" = 'Name 1' WHERE ("select", "userId", "isGuest") = (1, '', false)"#;
    assert_eq!(odd.database.client.execute(put_back, &[]).await.unwrap(), 1);
    assert_eq!(keys(read(&again).await), [key(&["1", "", "false"]), left]);
}

#[tokio::test]
async fn a_held_row_in_which_nothing_stands_is_neither_counted_nor_named() {
    let odd = Odd::new().await;
    let (all, organisation) = (whole(), OrganisationId::parse("1").unwrap());
    let changes = [("fullName", Strategy::Pseudonymise)];
    let keys = [key(&["0", "0", "false"]), key(&["1", "", "false"])];
    // It was done to the first one before the hold came.
    odd.run(batch(1), &odd.anonymise("1", &Rows::Keys(&keys[..1]), &changes)).await.unwrap();
    let holds = [hold_on(&keys)];
    let scope = EraseScope { holds: &holds, ..EraseScope::all(&organisation, far_future()) };
    let changes = changes_of(&changes);
    let expected = Expected::Anonymised { changes: &changes, key: &odd.key };
    let (collection, schema) = (odd.bench.collection("visitLog"), &odd.bench.schema);
    let plan = Verification::plan(collection, schema, &scope, &Rows::Range(&all), expected).unwrap();
    let (config, writers) = (odd.database.config(""), Writers::default());
    let looked = look_and_name(&config, &[plan], None, &writers, 10).await.unwrap().remove(0);
    assert_eq!((looked.held[&holds[0].id], looked.remainders[0].rows), (1, 7));
    assert!(looked.keys[&holds[0].id] == RowKeys(keys[1..].to_vec()), "the other one");
}
