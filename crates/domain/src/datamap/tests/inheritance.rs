//! Tables that inherit from each other are told of, and stop every job.

use super::live::{CUSTOMER, NOTHING, customers, findings, schema};
use crate::schema::{LiveSchema, Table, TableName};

fn name(table: &str) -> TableName {
    TableName { schema: "public".to_owned(), table: table.to_owned() }
}

fn with(customer: Table) -> LiveSchema {
    schema(customer)
}

#[test]
fn a_table_with_children_or_parents_stops_every_job() {
    let parent = Table { inherited_by: vec![name("customer_2019"), name("customer_2020")], ..customers() };
    let found = findings(CUSTOMER, with(parent));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(
        found[0],
        "shop.customer: error: public.customer: public.customer_2019 inherits from public.customer (INHERITS), so that a \
         query on public.customer reads the rows of both, and keys of one say nothing of the other: rows of others could \
         be taken for these; make public.customer_2019 a partition, or end it with ALTER TABLE public.customer_2019 NO \
         INHERIT public.customer and name each of the tables in the data map (queries with `FROM ONLY` are not made)"
    );
    let child = Table { inherits: vec![name("party")], ..customers() };
    let found = findings(CUSTOMER, with(child));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0]
            .starts_with("shop.customer: error: public.customer: public.customer inherits from public.party")
    );
    let skipped = format!("    fides_meta: {{skip_processing: true}}\n{CUSTOMER}");
    let parent = Table { inherited_by: vec![name("customer_2019")], ..customers() };
    assert_eq!(findings(&skipped, with(parent)), NOTHING);
}

#[test]
fn the_way_to_the_organisation_leads_through_no_such_table() {
    let mut schema = with(customers());
    schema.tables.get_mut(&name("branch")).unwrap().inherited_by.push(name("branch_old"));
    let found = findings(CUSTOMER, schema);
    assert_eq!(found.len(), 1, "told where the map has it: {found:#?}");
    assert!(
        found[0].starts_with("shop.branch: error: public.branch: public.branch_old inherits"),
        "{found:#?}"
    );

    let lethe = "    lethe: {tenant: {columns: [id], through: {collection: member, fields: [customer]}}}\n";
    let member = "  - name: member\n    fides_meta: {skip_processing: true}\n    lethe: {tenant: branch}\n    fields: [{name: customer}, {name: branch, fides_meta: {references: [{dataset: shop, field: branch.code}]}}]\n";
    let customer = format!("{}{member}", CUSTOMER.replacen("    lethe: {tenant: branch}\n", lethe, 1));
    let mut schema = with(customers());
    let mut members = customers();
    members.columns[0].name = "customer".to_owned();
    members.inherited_by.push(name("member_old"));
    schema.tables.insert(name("member"), members);
    let found = findings(&customer, schema);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with(
        "shop.customer: error: its tenant leads through public.member: public.member_old inherits"
    ));
}
