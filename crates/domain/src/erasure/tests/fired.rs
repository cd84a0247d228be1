//! Triggers that the server fires by itself, and what else a plan sets off beside its own statements.

use std::collections::BTreeSet;

use super::shop::Shop;
use crate::erasure::facts::ReferentialAction::{self, Cascade, Refuse, SetDefault, SetNull};
use crate::erasure::facts::Trigger;

const ID: &str = "name: id, fides_meta: {primary_key: true}";
const BRANCH: &str = "name: branch, fides_meta: {references: [{dataset: shop, field: branch.code}]}";
const HOLDER: &str = "name: holder, fides_meta: {references: [{dataset: shop, field: customer.id}]}";

/// Customers who are deleted, and cards of theirs, which are deleted before.
fn cards(on_delete: ReferentialAction, card: &str, trigger: Trigger) -> Shop {
    Shop::new()
        .table("customer", &["id!", "branch!", "email"])
        .reference("customer", "branch", "branch", Refuse)
        .collection("customer", "tenant: branch, erase: delete", &[ID, BRANCH])
        .table("card", &["id!", "branch!", "holder", "digits"])
        .reference("card", "holder", "customer", on_delete)
        .collection("card", &format!("tenant: branch, erase: delete{card}"), &[ID, BRANCH, HOLDER])
        .trigger("card", trigger)
}

fn on_update(of: &[&str]) -> Trigger {
    let columns: BTreeSet<String> = of.iter().map(|name| (*name).to_owned()).collect();
    Trigger { name: "no_update".to_owned(), on_update_of: Some(columns), ..Trigger::default() }
}

fn on_delete() -> Trigger {
    Trigger { name: "no_delete".to_owned(), on_delete: true, ..Trigger::default() }
}

#[test]
fn a_statement_trigger_that_a_foreign_key_fires_is_refused_though_no_row_is_left() {
    for (action, trigger, words) in [
        (SetNull, on_update(&[]), "SET NULL"),
        (SetNull, on_update(&["holder"]), "SET NULL"),
        (SetDefault, on_update(&["id", "holder"]), "SET DEFAULT"),
    ] {
        let told = cards(action, "", trigger).obstacles();
        let expected = format!(
            "public.card: deleting rows of public.customer would fire its trigger `no_update` by the foreign key \
             `card_holder_fkey` (ON DELETE {words}), whether rows refer to them or not; when what it does is harmless, say \
             so with `lethe: {{triggers: [no_update]}}`; or disable it for the eraser's role"
        );
        assert_eq!(told, [expected]);
    }
    let conditional = Trigger { conditional: true, ..on_update(&[]) };
    let told = cards(SetNull, "", conditional).obstacles();
    assert!(
        told[0].contains("its trigger `no_update` (where its WHEN holds) by the foreign key"),
        "{told:?}"
    );
}

#[test]
fn what_it_does_not_fire_is_no_obstacle() {
    let nothing: [String; 0] = [];
    let per_row = |trigger: Trigger| Trigger { per_row: true, ..trigger };
    for (action, trigger) in [
        (SetNull, on_update(&["digits"])),
        (SetNull, per_row(on_update(&[]))),
        (Cascade, on_update(&[])),
        (Refuse, on_update(&[])),
    ] {
        assert_eq!(cards(action, "", trigger.clone()).obstacles(), nothing, "{action:?} {trigger:?}");
    }
    assert_eq!(cards(SetNull, ", triggers: [no_update]", on_update(&[])).obstacles(), nothing);
    assert_eq!(cards(SetNull, ", triggers: [other]", on_update(&[])).obstacles().len(), 1);
}

#[test]
fn a_cascade_fires_triggers_on_delete_and_one_that_a_statement_of_ours_fires_is_told_once() {
    let told = cards(Cascade, "", on_delete()).obstacles();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("public.card: erasing would fire the trigger `no_delete`"), "{told:?}");
    assert_eq!(cards(Cascade, ", triggers: [no_delete]", on_delete()).obstacles(), Vec::<String>::new());
    // Cards that let go, and so are not deleted by us.
    let mut anonymised = cards(Cascade, "", on_delete());
    anonymised.yaml = anonymised
        .yaml
        .replace(&format!("{{{HOLDER}}}"), &format!("{{{HOLDER}, lethe: {{strategy: null}}}}"));
    anonymised.yaml = anonymised.yaml.replace("lethe: {tenant: branch, erase: delete}\n    fields:\n    - {name: id, fides_meta: {primary_key: true}}\n    - {name: branch, fides_meta: {references: [{dataset: shop, field: branch.code}]}}\n    - {name: holder", "lethe: {tenant: branch}\n    fields:\n    - {name: id, fides_meta: {primary_key: true}}\n    - {name: branch, fides_meta: {references: [{dataset: shop, field: branch.code}]}}\n    - {name: holder");
    let told = anonymised.obstacles();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains(
            "would fire its trigger `no_delete` by the foreign key `card_holder_fkey` (ON DELETE CASCADE)"
        ),
        "{told:?}"
    );
}

#[test]
fn a_key_of_a_table_to_itself_fires_its_own_triggers() {
    let shop = cards(Refuse, "", on_delete()).reference("customer", "email", "customer", SetNull);
    let shop = shop.trigger("customer", on_update(&[]));
    let told = shop.obstacles();
    assert!(
        told.iter().any(|told| told.starts_with(
            "public.customer: deleting rows of public.customer would fire its trigger `no_update`"
        )),
        "{told:?}"
    );
}

#[test]
fn a_reference_that_is_emptied_to_open_a_circle_is_an_update_too() {
    let fields = [ID, BRANCH, "name: other"];
    let circle = |more: &str| {
        Shop::new()
            .table("left", &["id!", "branch!", "other"])
            .table("right", &["id!", "branch!", "other!"])
            .reference("left", "other", "right", Refuse)
            .reference("right", "other", "left", Refuse)
            .collection("left", &format!("tenant: branch, erase: delete{more}"), &fields)
            .collection("right", "tenant: branch, erase: delete", &fields)
            .trigger("left", Trigger { per_row: true, ..on_update(&["other"]) })
    };
    let told = circle("").obstacles();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("public.left: erasing would fire the trigger `no_update`"), "{told:?}");
    assert_eq!(circle(", triggers: [no_update]").obstacles(), Vec::<String>::new());
    let mut shop = circle(", triggers: [no_update]");
    shop.facts("left").updatable.clear();
    assert!(shop.obstacles()[0].starts_with("public.left.other: the eraser's role may not change it"));
}

#[test]
fn a_store_that_counts_nothing_is_refused_with_what_turns_it_on() {
    let mut shop = cards(Refuse, "", Trigger::default());
    assert_eq!(shop.obstacles(), Vec::<String>::new());
    shop.facts.uncounted = true;
    let told = shop.obstacles();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("`track_counts` is off for the eraser's sessions in the store `shop`"),
        "{told:?}"
    );
    assert!(told[0].contains("ALTER DATABASE … SET track_counts = on"), "{told:?}");
}
