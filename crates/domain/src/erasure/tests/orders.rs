//! What goes before what.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::shop::Shop;
use crate::erasure::RowAction;
use crate::erasure::facts::ReferentialAction::{Cascade, Refuse};

const CUSTOMER: [&str; 3] = [
    "name: id, fides_meta: {primary_key: true}",
    "name: branch, fides_meta: {references: [{dataset: shop, field: branch.code}]}",
    "name: email, data_categories: [user.contact.email]",
];

fn customers(erase: &str) -> Shop {
    Shop::new()
        .table("customer", &["id!", "branch!", "email"])
        .reference("customer", "branch", "branch", Refuse)
        .collection("customer", &format!("tenant: branch, erase: {erase}"), &CUSTOMER)
}

/// Sales of customers, which lead to their branch through them.
fn with_sales(shop: Shop, erase: &str) -> Shop {
    shop.table("sale", &["id!", "customer!", "note"])
        .reference("sale", "customer", "customer", Cascade)
        .collection(
            "sale",
            &format!("tenant: customer, erase: {erase}"),
            &[
                "name: id, fides_meta: {primary_key: true}",
                "name: customer, fides_meta: {references: [{dataset: shop, field: customer.id}]}",
                "name: note, lethe: {strategy: null}",
            ],
        )
}

#[test]
fn rows_that_refer_go_first_and_the_organisation_last() {
    let shop = with_sales(customers("delete"), "delete");
    assert_eq!(shop.waves(), [["sale: delete"], ["customer: delete"], ["branch: anonymise title"]]);
    let plan = shop.plan().unwrap();
    let guards: Vec<_> = plan.waves[1][0].guards.iter().map(|guard| guard.table.table.as_str()).collect();
    assert_eq!(guards, ["sale"], "a row that is still referred to is left");
}

#[test]
fn collections_that_are_anonymised_wait_for_nobody() {
    let shop = with_sales(customers("anonymise"), "anonymise");
    assert_eq!(
        shop.waves(),
        [vec!["customer: anonymise email", "sale: anonymise note"], vec!["branch: anonymise title"]]
    );
}

#[test]
fn nothing_is_planned_for_a_collection_without_personal_data() {
    let shop = Shop::new().table("price", &["id!", "branch!"]).collection(
        "price",
        "tenant: branch",
        &["name: id, fides_meta: {primary_key: true}", CUSTOMER[1]],
    );
    assert_eq!(shop.waves(), [["branch: anonymise title"]]);
}

fn members(erase: &str, nullable: &str) -> Shop {
    Shop::new()
        .table("person", &["id!", "email"])
        .table("member", &["id!", "branch!", nullable])
        .reference("member", "person", "person", Refuse)
        .collection(
            "person",
            "tenant: {columns: [id], through: {collection: member, fields: [person]}}",
            &["name: id, fides_meta: {primary_key: true}", CUSTOMER[2]],
        )
        .collection(
            "member",
            &format!("tenant: branch, erase: {erase}"),
            &["name: id, fides_meta: {primary_key: true}", CUSTOMER[1], "name: person"],
        )
}

#[test]
fn who_leads_to_the_organisation_through_rows_goes_before_these_are_deleted() {
    let shop = members("delete", "person!");
    assert_eq!(shop.waves(), [["person: anonymise email"], ["member: delete"], ["branch: anonymise title"]]);
    let plan = shop.plan().unwrap();
    assert!(plan.waves[0][0].exclusive, "a person may be a member of several branches");
    assert!(!plan.waves[1][0].exclusive && !plan.waves[2][0].exclusive);
}

/// Two tables that refer to each other; the columns as given.
fn circle(left: &str, right: &str) -> Shop {
    let fields = ["name: id, fides_meta: {primary_key: true}", CUSTOMER[1], "name: other"];
    Shop::new()
        .table("left", &["id!", "branch!", left])
        .table("right", &["id!", "branch!", right])
        .reference("left", "other", "right", Refuse)
        .reference("right", "other", "left", Refuse)
        .collection("left", "tenant: branch, erase: delete", &fields)
        .collection("right", "tenant: branch, erase: delete", &fields)
}

#[test]
fn a_circle_is_opened_at_a_reference_that_may_be_empty() {
    for (left, right, unlinked, then) in [
        ("other", "other!", "left: unlink other", ["right: delete", "left: delete"]),
        ("other!", "other", "right: unlink other", ["left: delete", "right: delete"]),
    ] {
        let waves = circle(left, right).waves();
        assert_eq!(waves, [vec![unlinked], vec![then[0]], vec![then[1]], vec!["branch: anonymise title"]]);
    }
}

#[test]
fn a_circle_that_cannot_be_opened_is_refused() {
    let obstacles = circle("other!", "other!").obstacles();
    assert_eq!(obstacles.len(), 2);
    assert!(
        obstacles[0].starts_with("public.left: its rows can go only after those of shop.right"),
        "{obstacles:?}"
    );
}

#[test]
fn rows_that_refer_to_rows_of_their_own_table_go_in_one_statement() {
    let shop = customers("delete");
    assert!(!shop.plan().unwrap().waves[0][0].unsplit);
    let threaded = shop.reference("customer", "email", "customer", Refuse);
    assert!(threaded.plan().unwrap().waves[0][0].unsplit);
}

proptest! {
    /// Whatever refers to whatever: when there is a plan, every collection is erased once, and no
    /// row is deleted while a row that is to be deleted still refers to it.
    #[test]
    fn a_plan_never_deletes_what_is_still_referred_to(
        tables in 2_usize..7,
        references in prop::collection::vec((0_usize..7, 0_usize..7, any::<bool>()), 0..14),
    ) {
        let column = |at: usize, nullable: bool| format!("r{at}{}", if nullable { "" } else { "!" });
        let references: BTreeMap<(usize, usize), bool> = references
            .into_iter()
            .filter(|(from, to, _)| from != to && *from < tables && *to < tables)
            .map(|(from, to, nullable)| ((from, to), nullable))
            .collect();
        let mut shop = Shop::new();
        for from in 0..tables {
            let mut columns = vec!["id!".to_owned(), "branch!".to_owned()];
            columns.extend(references.iter().filter(|((f, _), _)| *f == from).map(|((_, to), n)| column(*to, *n)));
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            shop = shop.table(&format!("t{from}"), &columns).collection(
                &format!("t{from}"),
                "tenant: branch, erase: delete",
                &["name: id, fides_meta: {primary_key: true}", CUSTOMER[1]],
            );
        }
        for (from, to) in references.keys() {
            shop = shop.reference(&format!("t{from}"), &format!("r{to}"), &format!("t{to}"), Refuse);
        }
        let Ok(plan) = shop.plan() else { return Ok(()) };
        let deleted = |table: usize| {
            let is = |done: &crate::erasure::CollectionErasure| {
                done.table.table == format!("t{table}") && done.action == RowAction::Delete
            };
            let waves: Vec<usize> = plan.waves.iter().enumerate()
                .flat_map(|(at, wave)| wave.iter().filter(|done| is(done)).map(move |_| at)).collect();
            waves
        };
        let unlinked = |table: usize, to: usize| {
            plan.waves.iter().flatten().any(|done| {
                done.table.table == format!("t{table}")
                    && matches!(&done.action, RowAction::Unlink(columns) if columns.contains(&format!("r{to}")))
            })
        };
        for table in 0..tables {
            prop_assert_eq!(deleted(table).len(), 1);
        }
        for (from, to) in references.keys() {
            prop_assert!(deleted(*from) < deleted(*to) || unlinked(*from, *to), "t{} → t{}", from, to);
        }
    }
}
