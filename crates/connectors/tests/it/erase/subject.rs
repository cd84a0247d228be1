//! The rows of one person, found among those of others.

use std::collections::BTreeMap;

use connectors::erase::{SubjectRead, SubjectRows};
use domain::erasure::{Identity, Traversal, traversal};
use domain::id::OrganisationId;

use crate::erase::support::key;
use crate::support::{Bench, TestDatabase, far_future};

const TABLES: &str = r#"
CREATE EXTENSION citext;
CREATE TABLE org (id int PRIMARY KEY, owner int);
CREATE TABLE address (id int PRIMARY KEY, org int, street text);
CREATE TABLE customer (id int PRIMARY KEY, org int NOT NULL, email citext, "phoneNo" text, code text, home int REFERENCES address);
CREATE TABLE "order" (customer int, no smallint, paid boolean, ship_to int NOT NULL, PRIMARY KEY (customer, no, paid));
CREATE TABLE line (id bigint PRIMARY KEY, customer bigint, no int, paid boolean, note text);
CREATE TABLE staff (id int, home int REFERENCES address);
CREATE TABLE talk (id uuid PRIMARY KEY, org int, host int, guest int);
CREATE TABLE told (id int PRIMARY KEY, talk uuid, at timestamptz);
INSERT INTO org VALUES (0, 0), (1, 21);
INSERT INTO address SELECT n, n % 2, 'street ' || n FROM generate_series(0, 9) n;
INSERT INTO customer VALUES
    (0, 0, 'Nil@Example.org', '+49 30 0', 'a', 0), (2, 0, 'two@example.org', '0049 30 2', '0', 2),
    (4, 0, 'four@example.org', '030/4', '', 2), (6, 0, NULL, NULL, NULL, NULL), (21, 1, 'nil@example.org', '+49300', 'a', 1);
INSERT INTO "order" VALUES (0, 0, false, 0), (0, 1, true, 2), (2, 0, false, 4), (2, 0, true, 4), (21, 0, false, 1);
INSERT INTO line SELECT row_number() OVER (ORDER BY customer, no, paid, n), customer, no, paid, 'n' FROM "order", generate_series(1, 2) n;
INSERT INTO staff VALUES (1, 4);
INSERT INTO talk SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, 0, host, guest
FROM (VALUES (1, 0, 2), (2, 2, 0), (3, 4, 4)) t (n, host, guest);
INSERT INTO told SELECT n, ('00000000-0000-0000-0000-00000000000' || n)::uuid, now() FROM generate_series(1, 3) n;
"#;

const MAP: &str = r#"
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: owner, fides_meta: {references: [{dataset: shop, field: customer.id}]}}]
  - name: address
    lethe: {tenant: org}
    fields: [{name: id}, {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}, {name: street, data_categories: [user.contact.address]}]
  - name: customer
    lethe: {tenant: org}
    fields:
    - {name: id, fides_meta: {primary_key: true, identity: customer_id}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: phoneNo, fides_meta: {identity: phone_number}}
    - {name: code, fides_meta: {identity: code}}
    - {name: home, fides_meta: {references: [{dataset: shop, field: address.id, direction: to}]}}
  - name: order
    lethe: {tenant: customer}
    fields:
    - {name: customer, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: no}
    - {name: paid}
    - {name: ship_to, fides_meta: {references: [{dataset: shop, field: address.id, direction: to}]}}
  - name: line
    lethe: {tenant: {columns: [customer, no, paid], through: {collection: order, fields: [customer, no, paid]}}}
    fields:
    - {name: id}
    - {name: customer, fides_meta: {references: [{dataset: shop, field: order.customer, direction: from}]}}
    - {name: no, fides_meta: {references: [{dataset: shop, field: order.no, direction: from}]}}
    - {name: paid, fides_meta: {references: [{dataset: shop, field: order.paid, direction: from}]}}
  - name: talk
    lethe: {tenant: org, rows: shared}
    fields:
    - {name: id}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: host, fides_meta: {references: [{dataset: shop, field: customer.id}]}}
    - {name: guest, fides_meta: {references: [{dataset: shop, field: customer.id}]}}
  - name: told
    lethe: {tenant: talk, created_at: at}
    fields: [{name: id}, {name: talk, fides_meta: {references: [{dataset: shop, field: talk.id}]}}, {name: at}]
"#;

struct Shop {
    database: TestDatabase,
    bench: Bench,
}

impl Shop {
    async fn new() -> Self {
        Self::of(TestDatabase::with(TABLES).await).await
    }

    async fn of(database: TestDatabase) -> Self {
        let bench = Bench::new(database.store(), MAP).await;
        Self { database, bench }
    }

    async fn traversal(&self, identity_type: &str) -> Traversal {
        let collections = self.bench.map.datasets[0].collections.iter();
        let tables: Vec<_> = collections.map(|collection| collection.table.clone()).collect();
        let facts = BTreeMap::from([("shop".to_owned(), self.bench.store.facts(&tables).await.unwrap())]);
        let live = BTreeMap::from([("shop".to_owned(), self.bench.schema.clone())]);
        traversal(&self.bench.map, &live, &facts, identity_type)
            .unwrap_or_else(|obstacles| panic!("{obstacles:#?}"))
    }

    async fn find(&self, identity_type: &str, value: &str, organisation: &str) -> SubjectRows {
        let traversal = self.traversal(identity_type).await;
        let organisation = OrganisationId::parse(organisation).unwrap();
        let (map, schema) = (&self.bench.map, &self.bench.schema);
        let read = SubjectRead::plan(&traversal, map, ("shop", schema), &organisation, far_future()).unwrap();
        let identity = Identity::parse(identity_type, value).unwrap();
        let transaction = self.bench.store.begin_read().await.unwrap();
        let rows = transaction.resolve(&read, &identity).await.unwrap();
        transaction.finish().await.unwrap();
        rows
    }

    /// The customers with this identity, as one text.
    async fn customers(&self, identity_type: &str, value: &str) -> String {
        let rows = self.find(identity_type, value, "0").await;
        let customers = rows.own.get("shop.customer").into_iter().flatten();
        customers.map(|key| key.join(",")).collect::<Vec<_>>().join(" ")
    }
}

fn keys(found: &BTreeMap<String, Vec<Vec<String>>>, collection: &str) -> Vec<String> {
    found.get(collection).into_iter().flatten().map(|key| key.join(",")).collect()
}

#[tokio::test]
async fn rows_are_found_along_references_with_keys_of_nought_and_false() {
    let shop = Shop::new().await;
    let rows = shop.find("email", "NIL@example.org", "0").await;
    let own = |collection: &str| keys(&rows.own, collection);
    assert_eq!(own("shop.customer"), ["0"], "customer 21 is another organisation's");
    assert_eq!(own("shop.order"), ["0,0,false", "0,1,true"]);
    assert_eq!(own("shop.line"), ["1", "2", "3", "4"], "two of each order, by all three columns of its key");
    assert_eq!(own("shop.address"), ["0"], "order 1 went to the home of customer 2");
    assert_eq!(keys(&rows.left, "shop.address"), ["2"]);
    assert_eq!(own("shop.told"), Vec::<String>::new(), "nothing is found through what is shared");
    let talks = &rows.unlinked["shop.talk"];
    let talk = |number: u8| format!("00000000-0000-0000-0000-00000000000{number}");
    assert_eq!(talks[&key(&["host"])], [vec![talk(1)]]);
    assert_eq!(talks[&key(&["guest"])], [vec![talk(2)]]);
    assert_eq!(rows.unlinked["shop.org"][&key(&["owner"])], [key(&["0"])]);
    assert!(!rows.unlinked.contains_key("shop.order"), "a NOT NULL column cannot let go");
    assert!(!format!("{rows:?}").contains("false"), "{rows:?}");
}

#[tokio::test]
async fn an_address_is_the_persons_only_while_nobody_else_refers_to_it() {
    let shop = Shop::new().await;
    // 2 is home to customers 2 and 4; staff of another table live at 4.
    let rows = shop.find("email", "two@example.org", "0").await;
    assert_eq!(keys(&rows.own, "shop.address"), Vec::<String>::new());
    assert_eq!(keys(&rows.left, "shop.address"), ["2", "4"]);
    assert_eq!(rows.unlinked["shop.customer"][&key(&["home"])], [key(&["2"])], "it lets go of what is left");
    let freed = r#"DELETE FROM staff; UPDATE customer SET home = NULL WHERE id = 4; UPDATE "order" SET ship_to = 0 WHERE customer = 0"#;
    shop.database.client.batch_execute(freed).await.unwrap();
    let rows = shop.find("email", "two@example.org", "0").await;
    assert_eq!(keys(&rows.own, "shop.address"), ["2", "4"]);
    assert!(rows.left.is_empty() && !rows.unlinked.contains_key("shop.customer"));
}

#[tokio::test]
async fn identities_are_found_however_they_are_written() {
    let shop = Shop::new().await;
    let sql = "INSERT INTO customer VALUES (31, 0, ' ÅSA@Example.ORG ', '+49 (30) 31', ' A b ', NULL), (32, 0, 'åsa@example.org.uk', '0049-30-31', '\u{a0}A b', NULL),
        (33, 0, 'KELVIN@example.org', '4930 31', 'a B', NULL), (34, 0, E'\\u212Aelvin@example.org', 'no phone', '%', NULL),
        (35, 0, 'Mira@XN--BCHER-KVA.example. ', '\u{feff}+49 30 35', 'Zoe\u{308}\u{200b} 7', NULL), (36, 0, 'mira@bu\u{308}cher.example', NULL, 'Zoë 7', NULL)";
    shop.database.client.batch_execute(sql).await.unwrap();
    for (identity_type, value, found) in [
        ("email", "åsa@EXAMPLE.org", "31"),
        ("email", "åsa@example.org.uk", "32"),
        // The sign of the kelvin is a K in capitals.
        ("email", "kelvin@example.org", "33 34"),
        ("phone_number", "0049 30 31", "31 32"),
        ("phone_number", "493031", "33"),
        ("phone_number", "+49 30 0", "0"),
        ("phone_number", "0049 3035", "35"),
        ("email", "mira@bücher.example", "35 36"),
        ("email", "\u{200b}mira@xn--bcher-kva.EXAMPLE.", "35 36"),
        ("email", "mira@buecher.example", ""),
        ("code", "Zoë 7", "35 36"),
        ("code", "Zoë 8", ""),
        ("code", "A b", "31 32"),
        ("code", "a b", ""),
        ("code", "0", "2"),
        ("code", "%", "34"),
        ("code", "' OR true --", ""),
        ("code", "a\0", ""),
        ("customer_id", " 0 ", "0"),
        ("customer_id", "00", ""),
    ] {
        assert_eq!(shop.customers(identity_type, value).await, found, "{identity_type} {value:?}");
    }
}

/// A server of LATIN1 neither composes letters nor takes those that it has not.
#[tokio::test]
async fn identities_are_found_in_databases_of_other_encodings() {
    let shop = Shop::of(TestDatabase::encoded("LATIN1", TABLES).await).await;
    let sql = "INSERT INTO customer VALUES (31, 0, 'JÖRG@xn--bcher-kva.example', NULL, 'Zoë 7', NULL), (32, 0, 'jörg@bücher.example.', NULL, NULL, NULL),
        (33, 0, 'mira@xn--r8jz45g.example', NULL, NULL, NULL)";
    shop.database.client.batch_execute(sql).await.unwrap();
    for (identity_type, value, found) in [
        ("email", "jo\u{308}rg@bu\u{308}cher.example", "31 32"),
        ("email", "mira@例え.example", "33"),
        ("email", "用户@例え.example", ""),
        ("phone_number", "\u{2068}+49 30 0", "0"),
        ("code", "Zoe\u{308} 7", "31"),
        ("code", "例え 7", ""),
    ] {
        assert_eq!(shop.customers(identity_type, value).await, found, "{identity_type} {value:?}");
    }
}

#[tokio::test]
async fn the_same_person_of_another_organisation_and_rows_made_later_are_not_found() {
    let shop = Shop::new().await;
    assert_eq!(keys(&shop.find("email", "nil@example.org", "1").await.own, "shop.customer"), ["21"]);
    assert!(shop.find("email", "nil@example.org", "7").await.is_empty());
    let traversal = shop.traversal("customer_id").await;
    let organisation = OrganisationId::parse("0").unwrap();
    let mut map = shop.bench.map.clone();
    let told =
        map.datasets[0].collections.iter_mut().find(|collection| collection.name == "customer").unwrap();
    told.created_at = Some(domain::datamap::RowTime {
        zone: Some("UTC".to_owned()),
        ..domain::datamap::RowTime::of("made")
    });
    let sql = "ALTER TABLE customer ADD made date; UPDATE customer SET made = CASE id WHEN 0 THEN date '2024-05-01' WHEN 2 THEN '2024-07-01' END";
    shop.database.client.batch_execute(sql).await.unwrap();
    let schema = shop.bench.store.live_schema(&["public"]).await.unwrap();
    let cutoff_at: chrono::DateTime<chrono::Utc> = "2024-06-01T00:00:00Z".parse().unwrap();
    let read = SubjectRead::plan(&traversal, &map, ("shop", &schema), &organisation, cutoff_at).unwrap();
    let transaction = shop.bench.store.begin_read().await.unwrap();
    for (id, found) in [("0", true), ("2", false), ("4", true)] {
        let identity = Identity::parse("customer_id", id).unwrap();
        let rows = transaction.resolve(&read, &identity).await.unwrap();
        assert_eq!(rows.own.contains_key("shop.customer"), found, "{id}");
    }
    transaction.finish().await.unwrap();
}

#[tokio::test]
async fn thousands_of_rows_are_followed_in_chunks() {
    let shop = Shop::new().await;
    let sql = r#"
        INSERT INTO address SELECT n, 0, 's' FROM generate_series(100, 12099) n;
        INSERT INTO "order" SELECT 6, n, true, 100 + n FROM generate_series(0, 11999) n;
        INSERT INTO line SELECT 1000 + no, customer, no, paid, 'n' FROM "order" WHERE customer = 6"#;
    shop.database.client.batch_execute(sql).await.unwrap();
    let rows = shop.find("customer_id", "6", "0").await;
    let counts = ["shop.order", "shop.line", "shop.address"].map(|name| rows.own[name].len());
    assert_eq!(counts, [12_000; 3]);
    assert!(rows.left.is_empty());
}
