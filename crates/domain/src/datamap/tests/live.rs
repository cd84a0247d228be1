//! The data map against the live schema.

use std::collections::BTreeMap;

use crate::datamap::{Blocks, DataMap, check};
use crate::schema::{Equality, LiveColumn, LiveSchema, Table, TableName, TypeFamily};

/// A shop with one organisation table, and customers whose rows are what the tests vary.
fn map(customer: &str) -> DataMap {
    let yaml = format!(
        "dataset:
- fides_key: shop
  lethe:
    organisation: {{collection: branch, key: code, name: title, soft_delete: closed_at}}
  collections:
  - name: branch
    fields: [{{name: code, fides_meta: {{primary_key: true}}}}, {{name: title}}, {{name: closed_at}}]
  - name: customer
{customer}"
    );
    DataMap::parse(&yaml).unwrap()
}

pub(super) const NOTHING: [String; 0] = [];

pub(super) const CUSTOMER: &str = "    lethe: {tenant: branch}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: branch, fides_meta: {references: [{dataset: shop, field: branch.code}]}}
";

pub(super) fn column(name: &str, family: TypeFamily) -> LiveColumn {
    LiveColumn {
        name: name.to_owned(),
        sql_type: family.name().to_owned(),
        family,
        not_null: false,
        generated: false,
        equality: Equality::Exact,
    }
}

fn table(columns: &[(&str, TypeFamily)], primary_key: &[&str]) -> Table {
    Table {
        columns: columns.iter().map(|(name, family)| column(name, *family)).collect(),
        primary_key: primary_key.iter().map(|name| (*name).to_owned()).collect(),
        ..Table::default()
    }
}

pub(super) fn schema(customer: Table) -> LiveSchema {
    use TypeFamily::{Text, TimestampTz};
    let branch = table(&[("code", Text), ("title", Text), ("closed_at", TimestampTz)], &["code"]);
    let name = |table: &str| TableName { schema: "public".to_owned(), table: table.to_owned() };
    let tables = [(name("branch"), branch), (name("customer"), customer)].into();
    LiveSchema { tables, ..LiveSchema::default() }
}

pub(super) fn customers() -> Table {
    table(&[("id", TypeFamily::Number), ("branch", TypeFamily::Text)], &["id"])
}

fn live(schema: LiveSchema) -> BTreeMap<String, LiveSchema> {
    [("shop".to_owned(), schema)].into()
}

/// The findings, as `path: severity: message`.
pub(super) fn findings(customer: &str, schema: LiveSchema) -> Vec<String> {
    check(&map(customer), &live(schema))
        .iter()
        .map(|finding| format!("{}: {}: {}", finding.path, finding.blocks.name(), finding.message))
        .collect()
}

#[test]
fn a_map_that_agrees_has_no_findings() {
    assert_eq!(findings(CUSTOMER, schema(customers())), NOTHING);
}

#[test]
fn a_missing_table() {
    let mut empty = schema(customers());
    empty.tables.retain(|name, _| name.table == "branch");
    assert_eq!(
        findings(CUSTOMER, empty.clone()),
        [
            "shop.customer: error: there is no table public.customer that the role can read; grant SELECT, correct the name, or set `fides_meta: {skip_processing: true}`"
        ]
    );
    let skipped = format!("    fides_meta: {{skip_processing: true}}\n{CUSTOMER}");
    assert_eq!(findings(&skipped, empty), NOTHING);
}

#[test]
fn a_missing_column_with_a_hint_when_one_is_near() {
    for (live_name, hint) in [
        ("firstname", "; is `firstname` meant?"),
        ("firstName", "; is `firstName` meant?"),
        ("FIRST_NAME", "; is `FIRST_NAME` meant?"),
        ("surname", "; correct the name, grant SELECT on it, or take the field out of the map"),
    ] {
        let mut table = customers();
        table.columns.push(column(live_name, TypeFamily::Text));
        let map = format!("{CUSTOMER}    - {{name: first_name}}\n");
        assert_eq!(
            findings(&map, schema(table)),
            [
                format!(
                    "shop.customer: note: columns that the map does not name are left out of exports and untouched by erasure: {live_name}"
                ),
                format!(
                    "shop.customer.first_name: error: there is no such column in public.customer that the role can read{hint}"
                ),
            ]
        );
    }
}

#[test]
fn columns_that_only_lethe_names_must_be_there_and_be_named_once() {
    let keys = "    lethe:
      tenant: branch
      created_at: made
      retention: {class: x, timestamp: aged}
      media: {key: photo, bucket_column: bucket}
      oauth: {provider: service, access_token: bearer, refresh_token: renewal, subject: person}
";
    let customer = CUSTOMER.replacen("    lethe: {tenant: branch}\n", keys, 1);
    let found = findings(&customer, schema(customers()));
    let missing: Vec<&str> = found
        .iter()
        .map(|finding| {
            finding
                .strip_prefix("shop.customer: error: there is no column `")
                .unwrap()
                .split('`')
                .next()
                .unwrap()
        })
        .collect();
    assert_eq!(missing, ["photo", "bucket", "service", "bearer", "renewal", "person", "made", "aged"]);
}

#[test]
fn a_time_must_be_a_time() {
    for (family, fits) in [
        (TypeFamily::TimestampTz, true),
        (TypeFamily::Timestamp, true),
        (TypeFamily::Date, true),
        (TypeFamily::Text, false),
        (TypeFamily::Number, false),
        (TypeFamily::Time, false),
    ] {
        let customer = CUSTOMER.replacen(
            "branch}",
            "branch, created_at: {column: made, zone: UTC}, retention: {class: x, timestamp: made}}",
            1,
        );
        let customer = format!("{customer}    - {{name: made}}\n");
        let mut table = customers();
        table.columns.push(column("made", family));
        let found = findings(&customer, schema(table));
        let message = format!(
            "shop.customer: error: the column `made` is {}; a time must be a timestamp or a date",
            family.name()
        );
        assert_eq!(found.is_empty(), fits, "{found:?}");
        assert!(found.iter().all(|finding| *finding == message), "{found:?}");
    }
}

#[test]
fn the_name_of_an_object_must_be_text() {
    for (family, fits) in [
        (TypeFamily::Text, true),
        (TypeFamily::Uuid, true),
        (TypeFamily::Enum, true),
        (TypeFamily::Number, false),
        (TypeFamily::Json, false),
        (TypeFamily::Bytes, false),
        (TypeFamily::Array, false),
    ] {
        for (text, varied) in [("photo", "bucket"), ("bucket", "photo")] {
            let media = "branch, media: {key: photo, bucket_column: bucket}}";
            let customer = CUSTOMER.replacen("branch}", media, 1);
            let customer = format!("{customer}    - {{name: photo}}\n    - {{name: bucket}}\n");
            let mut table = customers();
            table.columns.extend([column(text, TypeFamily::Text), column(varied, family)]);
            let found = findings(&customer, schema(table));
            let message = format!(
                "shop.customer: error: the column `{varied}` is {}; the key and the bucket of media must be text",
                family.name()
            );
            assert_eq!(found, if fits { Vec::new() } else { vec![message] });
        }
    }
}

#[test]
fn an_unreachable_collection_names_its_candidates() {
    let customer = CUSTOMER.replacen("    lethe: {tenant: branch}\n", "", 1);
    assert_eq!(
        findings(&customer, schema(customers())),
        [
            "shop.customer: error: it leads to no organisation; add `lethe: {tenant: <column>}` (fields with references: branch), or set `fides_meta: {skip_processing: true}`"
        ]
    );
    let bare = "    fields: [{name: id}, {name: branch}]\n";
    assert_eq!(
        findings(bare, schema(customers())),
        [
            "shop.customer: error: it leads to no organisation; add `lethe: {tenant: <column>}`, or set `fides_meta: {skip_processing: true}`"
        ]
    );
}

#[test]
fn a_way_through_what_is_not_there() {
    let through = |fields: &str| {
        let lethe = format!(
            "    lethe: {{tenant: {{columns: [id], through: {{collection: member, fields: [{fields}]}}}}}}\n"
        );
        let member = "  - name: member\n    fides_meta: {skip_processing: true}\n    lethe: {tenant: branch}\n    fields: [{name: branch, fides_meta: {references: [{dataset: shop, field: branch.code}]}}]\n";
        format!("{}{member}", CUSTOMER.replacen("    lethe: {tenant: branch}\n", &lethe, 1))
    };
    assert_eq!(
        findings(&through("customer_id"), schema(customers())),
        ["shop.customer: error: its tenant leads through public.member, which the role cannot read"]
    );
    let mut schema = schema(customers());
    let member = TableName { schema: "public".to_owned(), table: "member".to_owned() };
    schema.tables.insert(member, table(&[("branch", TypeFamily::Text)], &[]));
    assert_eq!(
        findings(&through("customer_id"), schema),
        [
            "shop.customer: error: its tenant leads through public.member.customer_id, but there is no such column"
        ]
    );
}

#[test]
fn the_organisations_table() {
    let of = |edit: fn(&mut Table)| {
        let mut schema = schema(customers());
        schema.tables.values_mut().take(1).for_each(edit);
        findings(CUSTOMER, schema)
    };
    assert_eq!(
        of(|branch| branch.primary_key = vec!["code".to_owned(), "title".to_owned()])
            .iter()
            .filter(|finding| finding.starts_with("shop.lethe.organisation"))
            .collect::<Vec<_>>(),
        [
            "shop.lethe.organisation: error: the key `code` is not unique in public.branch; an organisation's key must be"
        ]
    );
    let found = of(|branch| branch.columns.retain(|column| column.name != "closed_at"));
    assert!(
        found.contains(
            &"shop.lethe.organisation: error: there is no column `closed_at` in public.branch".to_owned()
        ),
        "{found:#?}"
    );
}

#[test]
fn a_database_without_an_encoding_is_not_erased() {
    let found = findings(CUSTOMER, LiveSchema { without_encoding: true, ..schema(customers()) });
    assert_eq!(found.len(), 1, "{found:?}");
    let told = "shop: error (erasure): the database of the store `shop` has the encoding SQL_ASCII";
    assert!(found[0].starts_with(told) && found[0].contains("encoding UTF8"), "{found:?}");
}

#[test]
fn stores_and_organisations_must_be_known() {
    let found = check(&map(CUSTOMER), &BTreeMap::new());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].message, "no connection to the store `shop` is configured");
    assert_eq!(found[0].blocks, Blocks::Everything);
    let plain = DataMap::parse("dataset: [{fides_key: shop, collections: []}]").unwrap();
    let found = check(&plain, &live(LiveSchema::default()));
    assert_eq!(found.len(), 1);
    assert!(found[0].message.starts_with("no dataset says which table holds the organisations"));
}

#[test]
fn findings_stand_in_the_order_of_the_file_and_show_their_place() {
    let mut schema = schema(table(&[], &[]));
    schema
        .tables
        .values_mut()
        .take(1)
        .for_each(|branch| branch.columns.push(column("extra", TypeFamily::Text)));
    let found = check(&map(CUSTOMER), &live(schema));
    assert!(found.is_sorted_by_key(|finding| finding.position));
    assert_eq!(
        found[0].to_string(),
        "line 6, column 11: shop.branch: note: columns that the map does not name are left out of exports and untouched by erasure: extra"
    );
    assert!(Blocks::Nothing < Blocks::Erasure && Blocks::Erasure < Blocks::Everything);
    let names = [Blocks::Nothing, Blocks::Erasure, Blocks::Everything].map(Blocks::name);
    assert_eq!(names, ["note", "error (erasure)", "error"]);
}

#[test]
fn what_refers_to_deleted_rows_without_an_index_is_noted() {
    let yaml = |erase: &str, at: &str, other: &str| {
        format!(
            "dataset:
- fides_key: shop
  lethe: {{organisation: {{collection: branch, key: code}}}}
  collections:
  - name: branch
    lethe: {{erase: {erase}}}
    fields: [{{name: code, fides_meta: {{primary_key: true{other}}}}}, {{name: title}}, {{name: closed_at}}]
  - name: customer
    lethe: {{tenant: branch}}
    fields:
    - {{name: id, fides_meta: {{primary_key: true}}}}
    - {{name: branch, fides_meta: {{{at}}}}}
"
        )
    };
    let here = "references: [{dataset: shop, field: branch.code}]";
    let there = ", references: [{dataset: shop, field: customer.branch, direction: to}]";
    let noted = |erase: &str, at: &str, other: &str, customer: Table| -> Vec<(String, Blocks, String)> {
        let map = DataMap::parse(&yaml(erase, at, other)).unwrap();
        let found = check(&map, &live(schema(customer)));
        found.into_iter().map(|finding| (finding.path, finding.blocks, finding.message)).collect()
    };
    let [(path, blocks, message)] = <[_; 1]>::try_from(noted("delete", here, "", customers())).unwrap();
    assert_eq!((path.as_str(), blocks), ("shop.customer.branch", Blocks::Nothing));
    assert!(message.contains("shop.branch") && message.ends_with("public.customer (branch)"), "{message}");
    assert_eq!(noted("delete", here, there, customers()).len(), 1, "named at either end, it is one");
    let found = Table { indexed: ["branch".to_owned()].into(), ..customers() };
    assert_eq!(noted("delete", here, "", found), []);
    assert_eq!(noted("anonymise", here, "", customers()), [], "no row goes");
    let view = Table { primary_key: Vec::new(), ..customers() };
    let of_view = noted("delete", here, "", view);
    assert!(of_view.iter().all(|(_, blocks, _)| *blocks == Blocks::Erasure), "{of_view:?}");
}
