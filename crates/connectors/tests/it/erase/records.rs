//! A shop of records that an organisation is a salesman of: NOT NULL everywhere, columns of 20
//! characters, addresses repeated on every bill, and totals that must stay.

use crate::erase::person::{People, differing};

const TABLES: &str = "
CREATE TABLE salesman (id int PRIMARY KEY, last_name varchar(20) NOT NULL, reports_to int REFERENCES salesman, email varchar(60));
CREATE TABLE buyer (id int PRIMARY KEY, first_name varchar(40) NOT NULL, last_name varchar(20) NOT NULL, company varchar(80),
    address varchar(70), phone varchar(24), email varchar(60) NOT NULL, salesman int REFERENCES salesman);
CREATE TABLE bill (id int PRIMARY KEY, buyer int NOT NULL REFERENCES buyer, at timestamp NOT NULL,
    billing_address varchar(70), billing_city varchar(40), total numeric(10,2) NOT NULL);
CREATE TABLE track (id int PRIMARY KEY, name varchar(200) NOT NULL, unit_price numeric(10,2) NOT NULL);
CREATE TABLE bill_line (id int PRIMARY KEY, bill int NOT NULL REFERENCES bill, track int NOT NULL REFERENCES track,
    unit_price numeric(10,2) NOT NULL, quantity int NOT NULL);
INSERT INTO salesman SELECT n, 'Seller ' || n, NULLIF(n / 2, 0), 'seller' || n || '@records.example' FROM generate_series(1, 3) n;
INSERT INTO buyer SELECT n, 'First ' || n, 'A last name of 20 ' || lpad(n::text, 2, '0'), NULL, n || ' Long Street', '+420 2 ' || n,
    'Buyer' || n || '@mail.example', 1 + n % 3 FROM generate_series(1, 30) n;
INSERT INTO track SELECT n, 'Track ' || n, 0.99 FROM generate_series(1, 50) n;
INSERT INTO bill SELECT n, 1 + n % 30, timestamp '2024-01-01' + n * interval '1 day', (1 + n % 30) || ' Long Street', 'Praha', n * 0.99
FROM generate_series(1, 210) n;
INSERT INTO bill_line SELECT n, 1 + n % 210, 1 + n % 50, 0.99, 1 FROM generate_series(0, 1259) n;
";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: salesman, key: id}}
  collections:
  - name: salesman
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: last_name, data_categories: [user.name.last]}
    - {name: reports_to, fides_meta: {references: [{dataset: shop, field: salesman.id}]}}
    - {name: email, data_categories: [user.contact.email]}
  - name: buyer
    lethe: {tenant: salesman}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: first_name, data_categories: [user.name.first]}
    - {name: last_name, data_categories: [user.name.last]}
    - {name: company, data_categories: [user.contact.organization]}
    - {name: address, data_categories: [user.contact.address]}
    - {name: phone, data_categories: [user.contact.phone_number]}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: salesman, fides_meta: {references: [{dataset: shop, field: salesman.id}]}}
  - name: bill
    lethe: {tenant: buyer}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: buyer, fides_meta: {references: [{dataset: shop, field: buyer.id}]}}
    - {name: billing_address, data_categories: [user.contact.address]}
    - {name: billing_city, data_categories: [user.contact.address.city]}
    - {name: total}
  - name: bill_line
    lethe: {tenant: bill}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: bill, fides_meta: {references: [{dataset: shop, field: bill.id}]}}
";

#[tokio::test]
async fn a_buyer_is_anonymised_with_her_bills_and_every_total_stays() {
    let people = People::new(TABLES, MAP, "3").await;
    let (before, money) = (people.everything().await, "SELECT (sum(total) || ' ' || count(*)) FROM bill");
    let totals = people.texts(money).await;
    let done = people.erase(1, "email", "BUYER5@mail.example").await;
    let after = people.everything().await;
    assert_eq!(done.remainders, []);
    assert_eq!(
        done.changed.iter().map(|(what, rows)| format!("{what}: {rows}")).collect::<Vec<_>>(),
        ["bill anonymised: 7", "buyer anonymised: 1"]
    );
    assert_eq!(done.rows.own["shop.bill_line"].len(), 42, "found, and left as they are");
    let bills = people.texts("SELECT 'bill ' || id FROM bill WHERE buyer = 5 ORDER BY id::text").await;
    let mut expected = bills.clone();
    expected.push("buyer 5".to_owned());
    assert_eq!(differing(&before, &after), expected, "and nothing else");
    assert_eq!(people.texts(money).await, totals);
    let left =
        "SELECT concat_ws('|', first_name, last_name, company, address, phone) FROM buyer WHERE id = 5";
    assert_eq!(people.texts(left).await, ["|"], "NOT NULL columns are empty, the others NULL");
    assert!(people.texts("SELECT email FROM buyer WHERE id = 5").await[0].ends_with("@erased.invalid"));
    assert_eq!(people.texts("SELECT DISTINCT billing_city FROM bill WHERE buyer = 5").await, ["NULL"]);
    // Once more: nobody is found, and nothing changes.
    let again = people.erase(2, "email", "buyer5@mail.example").await;
    assert!(again.rows.is_empty() && again.changed.is_empty());
    assert_eq!(people.everything().await, after);
}

#[tokio::test]
async fn a_buyer_of_another_salesman_is_nobody_here() {
    let people = People::new(TABLES, MAP, "1").await;
    let before = people.everything().await;
    let done = people.erase(1, "email", "buyer5@mail.example").await;
    assert!(done.rows.is_empty() && done.changed.is_empty());
    assert_eq!(people.everything().await, before);
}
