//! What is refused before the first write, each with what would mend it.

use super::shop::Shop;
use crate::erasure::facts::ReferentialAction::{Cascade, Refuse, SetDefault, SetNull};
use crate::erasure::facts::Trigger;

const FIELDS: [&str; 3] = [
    "name: id, fides_meta: {primary_key: true}",
    "name: branch, fides_meta: {references: [{dataset: shop, field: branch.code}]}",
    "name: email, lethe: {strategy: null}",
];

/// Customers who are anonymised or deleted, with a field more.
fn customers(lethe: &str, more: &[&str]) -> Shop {
    let fields: Vec<&str> = FIELDS.iter().chain(more).copied().collect();
    Shop::new()
        .table("customer", &["id!", "branch!", "email", "note"])
        .reference("customer", "branch", "branch", Refuse)
        .collection("customer", &format!("tenant: branch{lethe}"), &fields)
}

fn only(shop: &Shop) -> String {
    let obstacles = shop.obstacles();
    assert_eq!(obstacles.len(), 1, "{obstacles:?}");
    obstacles[0].clone()
}

#[test]
fn nothing_stands_in_the_way_of_a_sound_map() {
    assert_eq!(customers("", &[]).obstacles(), Vec::<String>::new());
    assert_eq!(customers(", erase: delete", &[]).obstacles(), Vec::<String>::new());
}

#[test]
fn privileges_are_asked_for_column_by_column() {
    let mut shop = customers("", &[]);
    shop.facts("customer").updatable.remove("email");
    shop.facts("customer").deletable = false;
    assert_eq!(
        only(&shop),
        "public.customer.email: the eraser's role may not change it; grant it: GRANT UPDATE (email) ON public.customer TO the role"
    );
    let mut shop = customers(", erase: delete", &[]);
    shop.facts("customer").updatable.clear();
    assert_eq!(shop.obstacles(), Vec::<String>::new(), "who deletes needs no UPDATE");
    shop.facts("customer").deletable = false;
    assert_eq!(
        only(&shop),
        "public.customer: the eraser's role may not delete its rows; grant it: GRANT DELETE ON public.customer TO the role"
    );
}

#[test]
fn views_and_hidden_rows_are_refused() {
    let mut shop = customers("", &[]);
    shop.facts("customer").row_security = true;
    assert!(only(&shop).contains("row-level security would hide rows"));
    shop.facts("customer").writable_kind = false;
    assert!(only(&shop).contains("it is not a table that can be written"));
    shop.facts.tables.retain(|table, _| table.table == "branch");
    assert!(only(&shop).contains("it is not a table that can be written"), "a table that nobody knows of");
}

fn trigger(on_update_of: Option<&[&str]>, on_delete: bool) -> Trigger {
    let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Trigger {
        name: "touch".to_owned(),
        on_update_of: on_update_of.map(columns),
        on_delete,
        ..Trigger::default()
    }
}

#[test]
fn a_trigger_that_would_fire_must_be_known() {
    for (erase, trigger, fires) in [
        ("", trigger(Some(&[]), false), true),
        ("", trigger(Some(&["email"]), false), true),
        ("", trigger(Some(&["note"]), false), false),
        ("", trigger(None, true), false),
        (", erase: delete", trigger(None, true), true),
        (", erase: delete", trigger(Some(&[]), false), false),
        (", triggers: [touch]", trigger(Some(&[]), true), false),
        (", triggers: [other]", trigger(Some(&[]), true), true),
    ] {
        let shop = customers(erase, &[]).trigger("customer", trigger.clone());
        let told = shop.obstacles();
        let expected = fires.then_some("public.customer: erasing would fire the trigger `touch`; when what it does is harmless, say so with `lethe: {triggers: [touch]}`; or disable it for the eraser's role");
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{erase} {trigger:?}");
    }
}

#[test]
fn columns_that_hold_rows_together_are_not_changed() {
    let shop = |fields: &[&str]| {
        Shop::new()
            .table("customer", &["id!", "branch", "email"])
            .reference("customer", "branch", "branch", Refuse)
            .collection("customer", "tenant: branch", fields)
    };
    for (fields, told) in [
        (
            ["name: id, fides_meta: {primary_key: true}, lethe: {strategy: pseudonymise}", FIELDS[1]],
            "public.customer.id: the strategy `pseudonymise` would change the primary key",
        ),
        (
            [
                FIELDS[0],
                "name: branch, fides_meta: {references: [{dataset: shop, field: branch.code}]}, lethe: {strategy: null}",
            ],
            "public.customer.branch: the strategy `null` would change how rows of shop.customer lead to their organisation",
        ),
    ] {
        assert!(only(&shop(&fields)).starts_with(told), "{:?}", shop(&fields).obstacles());
    }
    let referred = customers("", &["name: note, lethe: {strategy: mask}"]);
    assert_eq!(referred.obstacles(), Vec::<String>::new());
    let referred = referred.table("card", &["id!"]);
    let refers = |shop: Shop| {
        let mut shop = shop.reference("customer", "note", "card", Refuse);
        shop.facts("customer").foreign_keys.last_mut().unwrap().columns = vec!["note".to_owned()];
        shop
    };
    assert!(only(&refers(referred)).contains("would change a reference to public.card"));
}

/// The server would change the rows that refer along, and nobody would count them.
#[test]
fn a_key_beside_the_primary_one_is_not_changed_while_others_refer_to_it() {
    for on_update in [Refuse, Cascade, SetNull] {
        let shop = customers("", &["name: note, lethe: {strategy: pseudonymise}"]);
        let shop = shop.table("card", &["id!", "of"]);
        assert_eq!(shop.obstacles(), Vec::<String>::new());
        let mut shop = shop.reference("card", "of", "customer", Refuse);
        let key = shop.facts("card").foreign_keys.last_mut().unwrap();
        (key.target_columns, key.on_update) = (vec!["note".to_owned()], on_update);
        let told = "public.customer.note: the strategy `pseudonymise` would change a key that public.card refers to; keep it";
        assert!(only(&shop).starts_with(told), "{:?}", shop.obstacles());
    }
}

#[test]
fn a_strategy_that_does_not_fit_is_refused() {
    let mut shop = customers("", &["name: note, lethe: {strategy: null}"]);
    let table = shop.schema.tables.get_mut(&super::shop::name("customer")).unwrap();
    table.columns[3].not_null = true;
    assert_eq!(
        only(&shop),
        "public.customer.note: the strategy `null` cannot apply: the column is NOT NULL; name one that fits with `lethe: {strategy: …}`: mask, redact_text, pseudonymise, format_preserving, keep"
    );
    let table = shop.schema.tables.get_mut(&super::shop::name("customer")).unwrap();
    table.columns[3].not_null = false;
    assert_eq!(shop.obstacles(), Vec::<String>::new());
    let gone = customers("", &["name: phone, lethe: {strategy: null}"]);
    assert!(only(&gone).starts_with("public.customer.phone: there is no such column"));
}

#[test]
fn rows_that_only_together_with_others_are_told_apart_must_not_become_equal() {
    let keys = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let told = |strategy: &str, unique: &[&str], in_part: &[&str]| {
        let mut shop = customers("", &[&format!("name: note, lethe: {{strategy: {strategy}}}")]);
        let table = shop.schema.tables.get_mut(&super::shop::name("customer")).unwrap();
        table.unique.extend((!unique.is_empty()).then(|| keys(unique)));
        table.unique_in_part.extend((!in_part.is_empty()).then(|| keys(in_part)));
        shop.obstacles().len()
    };
    assert_eq!(told("mask", &["branch", "note"], &[]), 1, "two of one branch would be the same");
    assert_eq!(told("mask", &[], &["note"]), 1, "whatever an index computes of it");
    assert_eq!(told("pseudonymise", &["branch", "note"], &["note"]), 0);
    assert_eq!(told("mask", &["id", "note"], &[]), 0, "the primary key tells them apart already");
    assert_eq!(told("mask", &["branch", "email"], &[]), 0, "it is no part of the key");
}

#[test]
fn rows_that_stay_must_not_refer_to_rows_that_go() {
    for (on_delete, told) in [
        (Refuse, "the server would refuse to delete what they refer to"),
        (Cascade, "the server would delete them along, uncounted"),
        (SetNull, "the server would change them along, uncounted"),
        (SetDefault, "the server would change them along, uncounted"),
    ] {
        let shop = || customers(", erase: delete", &[]).table("card", &["id!", "holder"]);
        let unmapped = shop().reference("card", "holder", "customer", on_delete);
        assert_eq!(
            only(&unmapped),
            format!(
                "public.customer: rows of public.card (holder) refer to its rows by `card_holder_fkey` and stay: {told}; \
                 delete the rows of public.card too, give (holder) the strategy `null`, or anonymise these rows instead of deleting them"
            )
        );
        let card = |erase: &str, holder: &str| {
            shop().reference("card", "holder", "customer", on_delete).collection(
                "card",
                &format!("tenant: holder{erase}"),
                &[FIELDS[0], &format!("name: holder, fides_meta: {{references: [{{dataset: shop, field: customer.id}}]}}{holder}")],
            )
        };
        assert_eq!(card(", erase: delete", "").waves()[0], ["card: delete"]);
        assert_eq!(card("", "").obstacles().len(), 1);
        let anonymised = customers("", &[]).table("card", &["id!", "holder"]);
        let anonymised = anonymised.reference("card", "holder", "customer", on_delete);
        assert_eq!(anonymised.obstacles(), Vec::<String>::new(), "nothing is deleted");
    }
}

#[test]
fn everything_is_found_at_once() {
    let mut shop = customers("", &["name: note, lethe: {strategy: mask}"]);
    shop.facts("customer").updatable.clear();
    shop.facts("branch").updatable.clear();
    let tables: Vec<_> =
        shop.plan().unwrap_err().into_iter().map(|found| (found.table.table, found.column)).collect();
    let expected = [("branch", "title"), ("customer", "email"), ("customer", "note")];
    assert_eq!(tables, expected.map(|(table, column)| (table.to_owned(), Some(column.to_owned()))));
}
