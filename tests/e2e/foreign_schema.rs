//! A schema that Lethe's sample does not resemble: a record shop whose employees are the tenants.

use tests::{Database, Options, Servers, System};

use crate::support::{PATIENCE, downloaded};

const SCHEMA: &str = r#"
CREATE TABLE employee (employee_id int PRIMARY KEY, "Last Name" varchar(20) NOT NULL,
    reports_to int REFERENCES employee);
CREATE TABLE customer (customer_id int PRIMARY KEY, first_name varchar(40) NOT NULL, phone varchar(24),
    support_rep_id int REFERENCES employee);
CREATE TABLE invoice (invoice_id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customer,
    invoice_date timestamp NOT NULL, "order" int, total numeric(10,2) NOT NULL);
CREATE TABLE invoice_line (invoice_id int REFERENCES invoice, line int, unit_price numeric(10,2) NOT NULL,
    PRIMARY KEY (invoice_id, line));
INSERT INTO employee VALUES (0, 'Zero', NULL), (1, 'Adams', 0), (2, 'Peacock', 1), (3, 'Park', 2);
INSERT INTO customer SELECT c, 'Nöel ' || c, '+49 30 ' || c, c % 4 FROM generate_series(0, 59) c;
INSERT INTO invoice SELECT i, i % 60, timestamp '2025-01-01' + i * interval '1 hour', i, i / 7.0 FROM generate_series(0, 411) i;
INSERT INTO invoice_line SELECT i, l, l * 0.99 FROM generate_series(0, 411) i, generate_series(0, 4) l;
"#;

const DATA_MAP: &str = r#"
dataset:
- fides_key: shop
  name: Record shop
  lethe:
    organisation: {collection: employee, key: employee_id, name: Last Name}
  collections:
  - name: employee
    fields:
    - {name: employee_id, fides_meta: {primary_key: true}}
    - {name: Last Name, data_categories: [user.name.last]}
    - {name: reports_to, fides_meta: {references: [{dataset: shop, field: employee.employee_id, direction: from}]}}
  - name: customer
    lethe: {tenant: support_rep_id}
    fields:
    - {name: customer_id, fides_meta: {primary_key: true}}
    - {name: first_name, data_categories: [user.name.first]}
    - {name: phone, data_categories: [user.contact.phone_number]}
    - {name: support_rep_id, fides_meta: {references: [{dataset: shop, field: employee.employee_id}]}}
  - name: invoice
    lethe: {tenant: customer_id}
    fields:
    - {name: invoice_id, fides_meta: {primary_key: true}}
    - {name: customer_id, fides_meta: {references: [{dataset: shop, field: customer.customer_id}]}}
    - {name: invoice_date}
    - {name: order}
    - {name: total}
  - name: invoice_line
    lethe: {tenant: invoice_id}
    fields:
    - {name: invoice_id, fides_meta: {primary_key: true, references: [{dataset: shop, field: invoice.invoice_id}]}}
    - {name: line, fides_meta: {primary_key: true}}
    - {name: unit_price}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_followed_through_any_number_of_foreign_keys() {
    let servers = Servers::shared().unwrap();
    let database = Database::create(&servers.pg_url, "shop").await.unwrap();
    database.client.batch_execute(SCHEMA).await.unwrap();
    let options = Options {
        data_map: DATA_MAP.to_owned(),
        store: "shop".to_owned(),
        reader: None,
        eraser: None,
        ..Options::default()
    };
    let system = System::start(servers, database, &options).await.unwrap();
    // Employee 0 is a key like any other; its own row leads nowhere, which must not matter.
    for employee in [0, 3] {
        let api = system.api(&employee.to_string(), "owner").unwrap();
        let job = api.export("both").await.unwrap();
        let job = api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap();
        assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
        let mut archive = downloaded(&api, job.summary.id).await;
        let customers = format!("SELECT customer_id FROM customer WHERE support_rep_id = {employee}");
        let invoices = format!("SELECT invoice_id FROM invoice WHERE customer_id IN ({customers})");
        for (table, expected) in [
            ("employee", "SELECT 1".to_owned()),
            ("customer", customers.clone()),
            ("invoice", invoices.clone()),
            ("invoice_line", format!("SELECT 1 FROM invoice_line WHERE invoice_id IN ({invoices})")),
        ] {
            let expected =
                system.subjects.number(&format!("SELECT count(*) FROM ({expected}) x")).await.unwrap();
            let expected = usize::try_from(expected).unwrap();
            assert!(expected > 0);
            assert_eq!(archive.json(table).len(), expected, "{table}");
            assert_eq!(archive.csv(table).len(), expected, "{table}");
        }
        let sum = format!("SELECT (sum(total) * 100)::bigint FROM invoice WHERE invoice_id IN ({invoices})");
        let cents: i64 = archive
            .csv("invoice")
            .iter()
            .map(|row| row["total"].replace('.', "").parse::<i64>().unwrap())
            .sum();
        assert_eq!(cents, system.subjects.number(&sum).await.unwrap());
        assert!(archive.csv("customer").iter().all(|row| row["phone"].starts_with("+49 30 ")));
    }
}
