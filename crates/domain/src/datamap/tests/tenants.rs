//! How rows lead to their organisation, and every way in which they may fail to.

use super::{SHOP, collection, problems};
use crate::datamap::{DataMap, TenantPath};

fn tenant<'a>(map: &'a DataMap, path: &str) -> Option<&'a TenantPath> {
    collection(map, path).tenant.as_ref()
}

/// `from(a,b)→table(x,y) … key`, as one reads it.
fn spelled(path: &TenantPath) -> String {
    let hops: Vec<String> = path
        .hops
        .iter()
        .map(|hop| {
            format!(
                "({}) {} {}({}) ",
                hop.columns.join(","),
                hop.collection,
                hop.target,
                hop.target_columns.join(",")
            )
        })
        .collect();
    format!("{}{}", hops.concat(), path.key_column)
}

#[test]
fn paths_are_followed_to_the_key() {
    let map = DataMap::parse(SHOP).unwrap();
    let path = |name: &str| spelled(tenant(&map, name).unwrap());
    assert_eq!(path("shop/branch"), "code", "the organisations' own table needs no tenant");
    assert_eq!(path("shop/customer"), "branch_code", "a reference to the key is the key");
    assert_eq!(path("shop/sale"), "(customer_id) shop.customer sales.customer(id) branch_code");
    assert_eq!(
        path("shop/sale_line"),
        "(customer_id,sale_no) shop.sale sales.sale(customer_id,no) (customer_id) shop.customer sales.customer(id) branch_code"
    );
    assert_eq!(
        path("loans/loan"),
        "(line) shop.sale_line sales.sale_line(track) (customer_id,sale_no) shop.sale sales.sale(customer_id,no) (customer_id) shop.customer sales.customer(id) branch_code",
        "datasets of one store can be joined"
    );
    assert_eq!(
        path("letters/letter"),
        "branch",
        "a key that is a column here needs no join, whatever the store"
    );
    assert_eq!(tenant(&map, "letters/draft"), None);
}

/// A map with the organisations in `o` and one collection `c`, whose tenant stands on line 9.
fn with(tenant: &str, fields: &str, more: &str) -> String {
    format!(
        "dataset:
- fides_key: d
  lethe: {{organisation: {{collection: o, key: id}}}}
  collections:
  - {{name: o, fields: [{{name: id}}]}}
  - name: c
    fields: [{fields}]
    lethe:
      tenant: {tenant}
{more}"
    )
}

const TO_KEY: &str = "{name: k, fides_meta: {references: [{dataset: d, field: o.id}]}}";

#[test]
fn short_and_long_forms_to_the_key_are_the_same() {
    for form in [
        "k",
        "{columns: [k], through: {collection: o, fields: [id]}}",
        "{columns: [k], through: {dataset: d, collection: o, fields: [id]}}",
    ] {
        let map = DataMap::parse(&with(form, TO_KEY, "")).unwrap();
        assert_eq!(spelled(tenant(&map, "d/c").unwrap()), "k", "{form}");
    }
    // Several references, one of them to the key: no question which is meant.
    let fields =
        "{name: k, fides_meta: {references: [{dataset: d, field: p.id}, {dataset: d, field: o.id}]}}";
    let map = DataMap::parse(&with("k", fields, "")).unwrap();
    assert_eq!(spelled(tenant(&map, "d/c").unwrap()), "k");
}

#[test]
fn backwards_through_a_table_of_members() {
    let members =
        format!("  - name: members\n    lethe: {{tenant: k}}\n    fields: [{{name: user_id}}, {TO_KEY}]\n");
    let form = "{columns: [id], through: {collection: members, fields: [user_id]}}";
    let map = DataMap::parse(&with(form, "{name: id}", &members)).unwrap();
    assert_eq!(spelled(tenant(&map, "d/c").unwrap()), "(id) d.members public.members(user_id) k");
}

#[test]
fn a_tenant_that_says_too_little() {
    for (form, fields, message) in [
        ("k", "{name: x}", "`tenant` names the column `k`, which is not among the collection's fields"),
        (
            "x",
            "{name: x}",
            "`tenant` names `x`, which references nothing; give the field a reference to the organisation's key or to a collection that leads there",
        ),
        (
            "x",
            "{name: x, fides_meta: {references: [{dataset: d, field: a.id}, {dataset: d, field: b.id}]}}",
            "`tenant` names `x`, which references several collections; say which with `tenant: {columns: [x], through: {collection: …, fields: […]}}`",
        ),
        (
            "{columns: [a, b], through: {collection: o, fields: [id]}}",
            "{name: a}, {name: b}",
            "`tenant` needs as many `columns` as `through.fields`, and at least one",
        ),
        (
            "{columns: [], through: {collection: o, fields: []}}",
            "{name: a}",
            "`tenant` needs as many `columns` as `through.fields`, and at least one",
        ),
    ] {
        assert_eq!(problems(&with(form, fields, "")), [format!("9:15 d.c: {message}")], "{form}");
    }
}

#[test]
fn a_tenant_that_leads_nowhere() {
    let to = |target: &str| format!("{{name: x, fides_meta: {{references: [{{dataset: {target}}}]}}}}");
    for (fields, message) in [
        (to("e, field: p.id"), "its tenant leads to `e.p`, but there is no dataset `e`"),
        (to("d, field: p.id"), "its tenant leads to `d.p`, but there is no such collection"),
        (
            to("f, field: p.id"),
            "its tenant leads to `f.p` in another store (`f`); rows can only be joined inside one store",
        ),
        (
            to("d, field: lost.id"),
            "its tenant leads to `d.lost`, which leads to no organisation; give that one a `lethe: {tenant: …}`",
        ),
    ] {
        let more = "  - {name: lost, fields: [{name: id}]}\n- {fides_key: f, collections: [{name: p, fields: [{name: id}]}]}\n";
        assert_eq!(problems(&with("x", &fields, more)), [format!("9:15 d.c: {message}")]);
    }
}

#[test]
fn a_tenant_that_leads_in_a_circle() {
    let to_itself = "{name: parent, fides_meta: {references: [{dataset: d, field: c.id}]}}";
    assert_eq!(
        problems(&with("parent", to_itself, "")),
        ["9:15 d.c: its tenant leads in a circle: d.c → d.c"]
    );
    let to_next = "{name: x, fides_meta: {references: [{dataset: d, field: n.id}]}}";
    let next = "  - {name: n, lethe: {tenant: z}, fields: [{name: z, fides_meta: {references: [{dataset: d, field: c.id}]}}]}\n";
    assert_eq!(
        problems(&with("x", to_next, next)),
        [
            "9:15 d.c: its tenant leads in a circle: d.c → d.n → d.c",
            "10:31 d.n: its tenant leads in a circle: d.n → d.c → d.n",
        ]
    );
}

#[test]
fn a_name_that_yaml_reads_as_a_truth_wants_quotes() {
    let fields = TO_KEY.replacen("name: k", "name: on", 1);
    let text = super::syntax(&with("on", &fields, ""));
    assert!(text.contains("line 9 column 15") && text.contains("put the column's name in quotes"), "{text}");
    let map = DataMap::parse(&with("'on'", &fields, "")).unwrap();
    assert_eq!(spelled(tenant(&map, "d/c").unwrap()), "on");
}

#[test]
fn the_organisations_own_table_may_name_its_key() {
    let yaml = "dataset: [{fides_key: d, lethe: {organisation: {collection: o, key: id}}, collections: [{name: o, lethe: {tenant: id}, fields: [{name: id}]}]}]";
    assert_eq!(spelled(tenant(&DataMap::parse(yaml).unwrap(), "d/o").unwrap()), "id");
}
