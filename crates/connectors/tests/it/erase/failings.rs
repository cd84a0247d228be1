//! What erasers of other makes were seen to do wrong, held against ours: W1 to W24 are the numbers
//! of those findings.

use domain::datamap::{Blocks, check};

use crate::erase::person::{People, differing};
use crate::erase::support::key;

/// `(column, type, value)`: a column of every kind of type.
const TYPED: [(&str, &str, &str); 19] = [
    ("c_text", "text", "secret"),
    ("c_varchar", "varchar(12) NOT NULL", "secret"),
    ("c_char", "char(8)", "secret"),
    ("c_int", "integer", "4711"),
    ("c_numeric", "numeric(10,2) NOT NULL", "4711.25"),
    ("c_float", "double precision", "4711.5"),
    ("c_bool", "boolean", "true"),
    ("c_date", "date NOT NULL", "1984-05-06"),
    ("c_time", "timestamptz", "1984-05-06 07:08:09+00"),
    ("c_clock", "time", "07:08:09"),
    ("c_uuid", "uuid NOT NULL", "5f9cdd0b-dfa1-4d3c-8b56-9ffc20fd17e0"),
    ("c_json", "json", "{\"secret\": 1}"),
    ("c_jsonb", "jsonb NOT NULL", "{\"secret\": 1}"),
    ("c_bytes", "bytea", "\\x736563726574"),
    ("c_enum", "mood", "secret"),
    ("c_array", "text[] NOT NULL", "{secret}"),
    ("c_inet", "inet", "192.0.2.77"),
    ("c_point", "point", "(1,2)"),
    ("c_range", "daterange", "[2024-01-01,2024-02-01)"),
];

/// A table with these columns, all of them personal, and its map.
fn typed(columns: &[(&str, &str, &str)], erase: &str) -> (String, String) {
    let (mut tables, mut fields, mut values) = (String::new(), String::new(), String::new());
    for (name, sql_type, value) in columns {
        tables.push_str(&format!(", {name} {sql_type}"));
        fields.push_str(&format!("\n    - {{name: {name}, data_categories: [user.behavior]}}"));
        values.push_str(&format!(", '{value}'"));
    }
    let tables = format!(
        "CREATE TYPE mood AS ENUM ('secret', 'none'); CREATE TABLE org (id int PRIMARY KEY); INSERT INTO org VALUES (1);
        CREATE TABLE person (id int PRIMARY KEY, org int, email text{tables});
        INSERT INTO person VALUES (1, 1, 'one@example.org'{values}), (2, 1, 'two@example.org'{values})"
    );
    let map = format!(
        "
dataset:
- fides_key: shop
  lethe: {{organisation: {{collection: org, key: id}}}}
  collections:
  - name: org
    fields: [{{name: id, fides_meta: {{primary_key: true}}}}]
  - name: person
    lethe: {{tenant: org, erase: {erase}}}
    fields:
    - {{name: id, fides_meta: {{primary_key: true}}}}
    - {{name: org, fides_meta: {{references: [{{dataset: shop, field: org.id}}]}}}}
    - {{name: email, data_categories: [user.contact.email], fides_meta: {{identity: email}}}}{fields}"
    );
    (tables, map)
}

#[tokio::test]
async fn w1_a_personal_column_of_any_type_is_changed_or_the_erasure_refused() {
    let (tables, map) = typed(&TYPED, "anonymise");
    let people = People::new(&tables, &map, "1").await;
    let before = people.everything().await;
    let done = people.erase(1, "email", "one@example.org").await;
    assert_eq!((done.remainders, done.changed["person anonymised"]), (vec![], 1));
    for (column, _, value) in TYPED {
        let kept = format!("SELECT count(*)::text FROM person WHERE id = 1 AND {column}::text = '{value}'");
        assert_eq!(people.texts(&kept).await, ["0"], "{column} is as it was");
    }
    assert_eq!(differing(&before, &people.everything().await), ["person 1"]);
    // What no strategy fits is named before anything is written.
    for refused in ["boolean NOT NULL", "mood NOT NULL", "time NOT NULL", "point NOT NULL"] {
        let value = TYPED.iter().find(|(_, sql_type, _)| refused.starts_with(sql_type)).unwrap().2;
        let (tables, map) = typed(&[("c_refused", refused, value)], "anonymise");
        let people = People::new(&tables, &map, "1").await;
        let (live, _) = people.known().await;
        let findings = check(&people.bench.map, &live);
        let blocking: Vec<_> = findings.iter().filter(|finding| finding.blocks == Blocks::Erasure).collect();
        assert_eq!(blocking.len(), 1, "{refused}: {findings:?}");
        assert_eq!(blocking[0].path, "shop.person.c_refused");
    }
}

#[tokio::test]
async fn w19_rows_with_columns_of_any_type_are_deleted() {
    let (tables, map) = typed(&TYPED, "delete");
    let people = People::new(&tables, &map, "1").await;
    let before = people.everything().await;
    let done = people.erase(1, "email", "one@example.org").await;
    assert_eq!((done.remainders, done.changed["person deleted"]), (vec![], 1));
    assert_eq!(differing(&before, &people.everything().await), ["person 1"]);
}

const KEYED: &str = r#"
CREATE TABLE org (id int PRIMARY KEY); INSERT INTO org VALUES (7);
CREATE TABLE person (tenant int, no int, code text, guest boolean, email text, name text, PRIMARY KEY (tenant, no, code, guest));
INSERT INTO person SELECT 7, no, code, guest, no || code || guest || '@example.org', 'Name' FROM generate_series(0, 2) no,
    (VALUES (''), ('0'), ('false')) k (code), (VALUES (false), (true)) g (guest);
CREATE TABLE single (id int PRIMARY KEY, tenant int, email text, name text);
INSERT INTO single VALUES (0, 7, '0false@example.org', 'Nought'), (1, 7, 'one@example.org', 'One');
"#;

fn keyed(erase: &str) -> String {
    format!(
        "
dataset:
- fides_key: shop
  lethe: {{organisation: {{collection: org, key: id}}}}
  collections:
  - name: org
    fields: [{{name: id, fides_meta: {{primary_key: true}}}}]
  - name: person
    lethe: {{tenant: tenant, erase: {erase}}}
    fields:
    - {{name: tenant, fides_meta: {{references: [{{dataset: shop, field: org.id}}]}}}}
    - {{name: email, data_categories: [user.contact.email], fides_meta: {{identity: email}}}}
    - {{name: name, data_categories: [user.name]}}
  - name: single
    lethe: {{tenant: tenant, erase: {erase}}}
    fields:
    - {{name: tenant, fides_meta: {{references: [{{dataset: shop, field: org.id}}]}}}}
    - {{name: email, data_categories: [user.contact.email], fides_meta: {{identity: email}}}}
    - {{name: name, data_categories: [user.name]}}"
    )
}

#[tokio::test]
async fn w2_w3_keys_of_nought_nothing_and_false_address_one_row() {
    for erase in ["anonymise", "delete"] {
        let people = People::new(KEYED, &keyed(erase), "7").await;
        let before = people.everything().await;
        let done = people.erase(1, "email", "0false@example.org").await;
        assert_eq!(done.rows.own["shop.person"], [key(&["7", "0", "", "false"])]);
        assert_eq!(done.rows.own["shop.single"], [key(&["0"])]);
        assert_eq!(done.remainders, []);
        let changed = differing(&before, &people.everything().await);
        assert_eq!(changed, ["person 7,0,,false", "single 0"], "{erase}");
    }
}

#[tokio::test]
async fn w20_an_address_is_found_however_it_is_written() {
    let people = People::new(KEYED, &keyed("anonymise"), "7").await;
    let before = people.everything().await;
    let done = people.erase(1, "email", " ONE@EXAMPLE.ORG").await;
    assert_eq!(done.changed["single anonymised"], 1);
    assert_eq!(differing(&before, &people.everything().await), ["single 1"]);
}

const ADDRESSES: &str = "
CREATE TABLE org (id int PRIMARY KEY); INSERT INTO org VALUES (1);
CREATE TABLE address (id int PRIMARY KEY, org int, street text);
CREATE TABLE customer (id int PRIMARY KEY, org int, email text, home int REFERENCES address);
CREATE TABLE purchase (id int PRIMARY KEY, customer int REFERENCES customer, ship_to int NOT NULL REFERENCES address, note text);
INSERT INTO address SELECT n, 1, 'Street ' || n FROM generate_series(1, 4) n;
INSERT INTO customer VALUES (1, 1, 'customer-1@example.com', 1), (2, 1, 'customer-2@example.com', 2), (3, 1, 'customer-3@example.com', 2);
INSERT INTO purchase VALUES (1, 1, 2, 'a'), (2, 1, 3, 'b'), (3, 2, 2, 'c');
";

const ADDRESS_MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}]
  - name: address
    lethe: {tenant: org}
    fields:
    - {name: id}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: street, data_categories: [user.contact.address.street]}
  - name: customer
    lethe: {tenant: org}
    fields:
    - {name: id}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: home, fides_meta: {references: [{dataset: shop, field: address.id, direction: to}]}}
  - name: purchase
    lethe: {tenant: customer}
    fields:
    - {name: id}
    - {name: customer, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: ship_to, fides_meta: {references: [{dataset: shop, field: address.id, direction: to}]}}
    - {name: note, data_categories: [user.content]}
";

#[tokio::test]
async fn w5_the_address_of_somebody_else_is_left_as_it_is() {
    let people = People::new(ADDRESSES, ADDRESS_MAP, "1").await;
    let before = people.everything().await;
    let done = people.erase(1, "email", "customer-1@example.com").await;
    assert_eq!(done.remainders, []);
    let changed = differing(&before, &people.everything().await);
    assert_eq!(changed, ["address 1", "address 3", "customer 1", "purchase 1", "purchase 2"]);
    assert_eq!(done.rows.left["shop.address"], [key(&["2"])], "customers 2 and 3 live there, and it is said");
    // Customer 2 lets go of the home that customer 3 shares, which stays as it was.
    let before = people.everything().await;
    people.erase(2, "email", "customer-2@example.com").await;
    assert_eq!(differing(&before, &people.everything().await), ["customer 2", "purchase 3"]);
    assert_eq!(people.texts("SELECT home::text FROM customer ORDER BY id").await, ["1", "NULL", "2"]);
    // The last one who lives there takes it along, once nothing else is sent there.
    people.database.client.batch_execute("UPDATE purchase SET ship_to = 4").await.unwrap();
    let done = people.erase(3, "email", "customer-3@example.com").await;
    assert_eq!(done.rows.own["shop.address"], [key(&["2"])]);
}

/// A table of bad names, with one column personal by its category and one by a category that only
/// begins alike.
const NAMES: &str = r#"
CREATE TABLE "order" ("group" int PRIMARY KEY); INSERT INTO "order" VALUES (1);
CREATE TABLE "Users" ("userId" int PRIMARY KEY, "order" int, "select" text, "full ""Name" text, "camelCase" text);
INSERT INTO "Users" VALUES (1, 1, 'one@example.org', 'One', 'kept'), (2, 1, 'two@example.org', 'Two', 'kept');
"#;

const NAMES_MAP: &str = r#"
dataset:
- fides_key: shop
  lethe: {organisation: {collection: order, key: group}}
  collections:
  - name: order
    fields: [{name: group, fides_meta: {primary_key: true}}]
  - name: Users
    lethe: {tenant: order}
    fields:
    - {name: userId}
    - {name: order, fides_meta: {references: [{dataset: shop, field: order.group}]}}
    - {name: select, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: 'full "Name', data_categories: [user.name]}
    - {name: camelCase, data_categories: [user_generated.device]}
"#;

#[tokio::test]
async fn w10_w11_names_are_quoted_and_categories_end_at_their_dots() {
    let people = People::new(NAMES, NAMES_MAP, "1").await;
    let before = people.everything().await;
    let done = people.erase(1, "email", "one@example.org").await;
    assert_eq!((done.remainders, done.changed["Users anonymised"]), (vec![], 1));
    assert_eq!(differing(&before, &people.everything().await), ["Users 1"]);
    let left = r#"SELECT concat_ws('|', "full ""Name", "camelCase") FROM "Users" WHERE "userId" = 1"#;
    assert_eq!(people.texts(left).await, ["kept"], "user_generated is not below user");
}

#[tokio::test]
async fn w12_every_field_may_have_a_strategy_of_its_own() {
    let columns = [
        ("c_a", "text", "Anna"),
        ("c_b", "text", "Anna"),
        ("c_c", "varchar(40)", "Anna"),
        ("c_d", "date", "1984-05-06"),
        ("c_e", "text", "Anna"),
    ];
    let (tables, mut map) = typed(&columns, "anonymise");
    for (column, strategy) in [
        ("c_a", "pseudonymise"),
        ("c_b", "{constant: {value: gone}}"),
        ("c_c", "mask"),
        ("c_d", "generalise"),
        ("c_e", "redact_text"),
    ] {
        let field = format!("{{name: {column}, data_categories: [user.behavior]");
        map = map.replace(&field, &format!("{field}, lethe: {{strategy: {strategy}}}"));
    }
    let people = People::new(&tables, &map, "1").await;
    let done = people.erase(1, "email", "one@example.org").await;
    assert_eq!((done.remainders, done.changed["person anonymised"]), (vec![], 1));
    let left = "SELECT concat_ws('|', length(c_a), c_b, c_c, c_d, c_e) FROM person ORDER BY id";
    assert_eq!(
        people.texts(left).await,
        ["32|gone|****|1984-01-01|[redacted]", "4|Anna|Anna|1984-05-06|Anna"]
    );
}

#[tokio::test]
async fn w24_a_table_without_primary_key_is_refused_and_not_passed_over() {
    let tables = ADDRESSES.replace("purchase (id int PRIMARY KEY", "purchase (id int");
    let people = People::new(&tables, ADDRESS_MAP, "1").await;
    let obstacles: Vec<String> =
        people.plan("email").await.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(obstacles.len(), 1, "{obstacles:?}");
    assert!(
        obstacles[0].starts_with("public.purchase: rows of a person may be in it, but it has no primary key")
    );
    // An organisation's erasure is refused by the check of the data map.
    let (live, _) = people.known().await;
    let findings = check(&people.bench.map, &live);
    assert!(
        findings.iter().any(|finding| finding.blocks == Blocks::Erasure && finding.path == "shop.purchase")
    );
}
