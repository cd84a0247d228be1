//! References that only the data map knows.

use super::shop::{Shop, name};
use crate::erasure::facts::ReferentialAction::Refuse;
use crate::erasure::{CollectionErasure, Guard};
use crate::schema::TypeFamily;

const ID: &str = "name: id, fides_meta: {primary_key: true}";
const BRANCH: &str = "name: branch, fides_meta: {references: [{dataset: shop, field: branch.code}]}";
const EMAIL: &str = "name: email, data_categories: [user.contact.email]";

/// Customers who are deleted, and calls of theirs, which name them without a foreign key.
fn calls(call: &str, customer: &str) -> Shop {
    Shop::new()
        .table("customer", &["id!", "branch!", "email"])
        .reference("customer", "branch", "branch", Refuse)
        .collection("customer", "tenant: branch, erase: delete", &[ID, BRANCH, EMAIL])
        .table("call", &["id!", "branch!", "customer", "note"])
        .collection("call", call, &[ID, BRANCH, customer, "name: note, lethe: {strategy: null}"])
}

const FROM: &str =
    "name: customer, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}";

fn erasure(shop: &Shop, table: &str) -> (usize, CollectionErasure) {
    let plan = shop.plan().unwrap();
    let mut waves = plan.waves.into_iter().enumerate();
    waves.find_map(|(at, wave)| Some((at, wave.into_iter().find(|done| done.table == name(table))?))).unwrap()
}

fn guards(shop: &Shop, table: &str) -> Vec<Guard> {
    erasure(shop, table).1.guards
}

#[test]
fn rows_that_go_go_first_and_any_that_is_left_keeps_what_it_refers_to() {
    let shop = calls("tenant: branch, erase: delete", FROM);
    assert_eq!(shop.waves(), [["call: delete"], ["customer: delete"], ["branch: anonymise title"]]);
    let guards = guards(&shop, "customer");
    assert_eq!(guards.len(), 1);
    assert_eq!((&guards[0].table, &guards[0].columns[..]), (&name("call"), &["customer".to_owned()][..]));
    assert_eq!((&guards[0].target_columns[..], &guards[0].aside), (&["id".to_owned()][..], &None));
}

#[test]
fn rows_that_let_go_by_another_value_go_first_too() {
    let shop = calls(
        "tenant: branch",
        "name: customer, fides_meta: {references: [{dataset: shop, field: customer.id}]}, lethe: {strategy: pseudonymise}",
    );
    assert_eq!(shop.waves()[0], ["call: anonymise customer, note"]);
    assert_eq!(shop.waves()[1], ["customer: delete"]);
    assert_eq!(guards(&shop, "customer")[0].aside, None);
}

#[test]
fn rows_that_stay_by_plan_keep_nothing_but_others_do() {
    let shop = calls("tenant: branch, created_at: note", FROM);
    assert_eq!(
        shop.waves(),
        [vec!["customer: delete", "call: anonymise note"], vec!["branch: anonymise title"]]
    );
    let guards = guards(&shop, "customer");
    let aside = guards[0].aside.as_ref().unwrap();
    assert_eq!(
        (aside.collection.as_str(), aside.created_at.clone()),
        ("shop.call", Some(crate::datamap::RowTime::of("note")))
    );
    assert_eq!((aside.tenant.key_column.as_str(), aside.held.len()), ("branch", 0));
}

#[test]
fn what_refers_is_told_by_what_is_a_key() {
    // The reference may stand at the side of what is referred to.
    let turned = Shop::new()
        .table("customer", &["id!", "branch!", "email"])
        .collection(
            "customer",
            "tenant: branch, erase: delete",
            &["name: id, fides_meta: {primary_key: true, references: [{dataset: shop, field: call.customer, direction: to}]}", BRANCH],
        )
        .table("call", &["id!", "branch!", "customer"])
        .collection("call", "tenant: branch, erase: delete", &[ID, BRANCH, "name: customer"]);
    assert_eq!(turned.waves()[..2], [["call: delete"], ["customer: delete"]]);
    assert_eq!(guards(&turned, "call"), []);
    assert_eq!(guards(&turned, "customer")[0].table, name("call"));
    // Rows that only have a value in common refer to nothing.
    let alike = calls(
        "tenant: branch, erase: delete",
        "name: customer, fides_meta: {references: [{dataset: shop, field: customer.email}]}",
    );
    assert_eq!(guards(&alike, "customer"), []);
    let mut unique = alike;
    unique.schema.tables.get_mut(&name("customer")).unwrap().unique.push(vec!["email".to_owned()]);
    assert_eq!(guards(&unique, "customer")[0].target_columns, ["email"]);
}

#[test]
fn what_the_database_keeps_or_cannot_compare_is_no_matter_of_the_map() {
    let kept = calls("tenant: branch, erase: delete", FROM).reference("call", "customer", "customer", Refuse);
    assert_eq!(guards(&kept, "customer").len(), 1, "the foreign key's");
    let mut shop = calls("tenant: branch, erase: delete", FROM);
    let call = shop.schema.tables.get_mut(&name("call")).unwrap();
    call.columns[2].family = TypeFamily::Uuid;
    assert_eq!(guards(&shop, "customer"), []);
    let itself = calls(
        "tenant: branch, erase: delete",
        "name: customer, fides_meta: {references: [{dataset: shop, field: call.id}]}",
    );
    assert_eq!(guards(&itself, "call"), []);
    assert!(!erasure(&itself, "call").1.unsplit);
}

#[test]
fn a_circle_of_which_the_map_alone_knows_a_part_is_opened_there() {
    let shop = Shop::new()
        .table("team", &["id!", "branch!", "lead"])
        .table("person", &["id!", "branch!", "team!"])
        .reference("person", "team", "team", Refuse)
        .collection(
            "team",
            "tenant: branch, erase: delete",
            &[ID, BRANCH, "name: lead, fides_meta: {references: [{dataset: shop, field: person.id}]}"],
        )
        .collection(
            "person",
            "tenant: branch, erase: delete",
            &[ID, BRANCH, "name: team, fides_meta: {references: [{dataset: shop, field: team.id}]}"],
        );
    assert_eq!(shop.waves(), [["person: delete"], ["team: delete"], ["branch: anonymise title"]]);
    let of_person = guards(&shop, "person");
    assert_eq!(of_person[0].table, name("team"));
    assert!(of_person[0].aside.is_some(), "the organisation's own teams go later, and keep nobody");
    assert_eq!(guards(&shop, "team")[0].aside, None, "as the foreign key would");
}

#[test]
fn guards_of_earlier_plans_are_read() {
    let json = r#"{"table": {"schema": "public", "table": "card"}, "columns": ["holder"], "target_columns": ["id"]}"#;
    let guard: Guard = serde_json::from_str(json).unwrap();
    assert_eq!((guard.table, guard.aside), (name("card"), None));
    let aside = guards(&calls("tenant: branch", FROM), "customer").remove(0);
    let json = serde_json::to_string(&aside).unwrap();
    assert_eq!(serde_json::from_str::<Guard>(&json).unwrap(), aside);
}
