//! Tokens that are recognised: as a statement gives and leaves them, and as verification sees them.

use connectors::erase::{
    Batch, EraseScope, EraseStatement, Expected, PseudonymKey, Remainder, Rows, Verification, journal_ddl,
    run_batch, verify,
};
use domain::anonymise::{Anonymiser, TokenForm, tells_tokens};
use domain::datamap::Strategy;
use domain::id::OrganisationId;
use domain::schema::LiveColumn;

use crate::erase::support::{KEY, batch, digesting, hmac, whole, with_tokens};
use crate::support::{Bench, TestDatabase, far_future};

/// Columns of many types; `mixed` ignores case.
const TYPES: [&str; 13] = [
    "text",
    "citext",
    "varchar",
    "varchar(16)",
    "varchar(31)",
    "varchar(32)",
    "varchar(40)",
    "character(20)",
    "character(40)",
    "name",
    "short",
    "text COLLATE mixed",
    "uuid",
];

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}]";

fn map() -> String {
    let mut yaml = MAP.to_owned();
    for number in 0..TYPES.len() {
        yaml.push_str(&format!(
            "
  - name: case{number}
    lethe: {{tenant: org}}
    fields:
    - {{name: a, fides_meta: {{primary_key: true}}}}
    - {{name: b, fides_meta: {{primary_key: true}}}}
    - {{name: org, fides_meta: {{references: [{{dataset: shop, field: org.id, direction: to}}]}}}}
    - {{name: C}}"
        ));
    }
    yaml
}

/// What a text column holds, tokens and what only looks like one among it.
fn texts() -> Vec<String> {
    let token = checked(&hmac(b"lethe/1/pseudonym/text\0somebody")[..10]);
    let off = token.replace(&token[..1], if token.starts_with('0') { "1" } else { "0" });
    let digits = "0cc175b9c0f1b6a831c399e269772661";
    let plain = [
        "Ilić",
        "",
        "0",
        "a'b\\c",
        "a@",
        "@b",
        "two\nlines",
        "anna@example.com",
        "ä@b@c",
        "Ada",
        "ada",
        digits,
    ];
    let mut texts: Vec<String> = plain.iter().map(|text| (*text).to_owned()).collect();
    texts.extend([token.to_uppercase(), format!("{token} "), format!(" {}", &token[1..]), token, off]);
    texts.extend([16, 31, 32].map(|length| format!("{}@erased.invalid", &digits[..length])));
    texts.extend(["ada@erased.invalid", "0cc175b9c0f1b6@erased.invalid"].map(str::to_owned));
    texts.push(format!("{digits}0@erased.invalid"));
    texts.push(format!("{digits}\n@erased.invalid"));
    texts.push("ü".repeat(16));
    texts
}

fn uuids() -> Vec<String> {
    let mut head = hmac(b"lethe/1/pseudonym/uuid\0somebody")[..10].to_vec();
    (head[6], head[8]) = (head[6] & 0x0f | 0x80, head[8] & 0x3f | 0x80);
    let token = checked(&head);
    (head[6], head[8]) = (0x41, 0x81);
    let of_another_version = checked(&head);
    let plain = ["5f9cdd0b-dfa1-4d3c-8b56-9ffc20fd17e0", "00000000-0000-0000-0000-000000000000"];
    let mut uuids: Vec<String> = plain.iter().map(|text| (*text).to_owned()).collect();
    uuids.extend(["5f9cdd0b-dfa1-8d3c-8b56-9ffc20fd17e0".to_owned(), token, of_another_version]);
    uuids
}

/// Ten bytes and their check, as hexadecimal digits.
fn checked(head: &[u8]) -> String {
    let check = digesting(|digests| (digests.check)(head));
    head.iter().chain(&check[..6]).map(|byte| format!("{byte:02x}")).collect()
}

/// One table for each type, with each value in a row of its own and in one of another organisation.
async fn cases() -> (TestDatabase, Bench) {
    let schema = "CREATE EXTENSION IF NOT EXISTS citext; CREATE DOMAIN short AS varchar(60);
        CREATE COLLATION mixed (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE TABLE org (id int PRIMARY KEY); INSERT INTO org VALUES (1), (2);";
    let database = TestDatabase::with(schema).await;
    let client = &database.client;
    for (number, sql_type) in TYPES.iter().enumerate() {
        let table = format!(
            "CREATE TABLE case{number} (a int, b text, org int REFERENCES org, \"C\" {sql_type}, PRIMARY KEY (a, b))"
        );
        client.batch_execute(&table).await.unwrap();
        let values = if *sql_type == "uuid" { uuids() } else { texts() };
        let cast = sql_type.split(" COLLATE").next().unwrap();
        let insert = format!(
            "INSERT INTO case{number} SELECT $1, k, o, $2::text::{cast} FROM (VALUES ('', 1), ('é 1', 1), ('other', 2)) t (k, o)"
        );
        for (row, value) in (0_i32..).zip(values.iter().map(|value| Some(value.as_str())).chain([None])) {
            client.execute(&insert, &[&row, &value]).await.unwrap();
        }
    }
    let user: String = client.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
    client.batch_execute(&journal_ddl(&user)).await.unwrap();
    let bench = Bench::new(database.store(), &map()).await;
    (database, bench)
}

type Row = (Vec<String>, Option<String>);

async fn rows(database: &TestDatabase, number: usize, organisation: i32) -> Vec<Row> {
    let read = format!("SELECT a::text, b, \"C\"::text FROM case{number} WHERE org = $1 ORDER BY a, b");
    let found = database.client.query(&read, &[&organisation]).await.unwrap();
    found.iter().map(|row| (vec![row.get(0), row.get(1)], row.get(2))).collect()
}

/// What the domain's reference makes of each row, as the column would print it.
async fn reference(database: &TestDatabase, column: &LiveColumn, form: TokenForm, rows: &[Row]) -> Vec<Row> {
    let anonymiser = Anonymiser::new(&Strategy::Pseudonymise, column, true).unwrap().giving(form);
    let mut made = Vec::new();
    for (key, value) in rows {
        let replaced = digesting(|digests| {
            let replaced = anonymiser.apply(value.as_deref(), digests, key).unwrap();
            replaced.map(|text| text.into_owned())
        });
        let sql = format!("SELECT $1::text::{}::text", column.sql_type);
        let printed = database.client.query_one(&sql, &[&replaced]).await.unwrap().get(0);
        made.push((key.clone(), printed));
    }
    made
}

async fn what_statements_give_is_what_rust_computes(form: TokenForm) {
    let (database, bench) = cases().await;
    let organisation = OrganisationId::parse("1").unwrap();
    let scope = EraseScope::all(&organisation, far_future());
    let (key, all, changes) =
        (PseudonymKey::new(&KEY), whole(), with_tokens(form, &[("C", Strategy::Pseudonymise)]));
    let of = Rows::Range(&all);
    for (number, sql_type) in TYPES.iter().enumerate() {
        let collection = bench.collection(&format!("case{number}"));
        let column = bench.schema.tables[&collection.table].column("C").unwrap();
        let others = rows(&database, number, 2).await;
        let expected = Expected::Anonymised { changes: &changes, key: &key };
        let look = || [Verification::plan(collection, &bench.schema, &scope, &of, expected).unwrap()];
        let mut before = rows(&database, number, 1).await;
        // Twice: what is in place stays, where it can be told.
        for round in [1, 2] {
            let made = reference(&database, column, form, &before).await;
            let id = batch(i32::try_from(number * 2).unwrap() + round);
            let statement =
                EraseStatement::anonymise(collection, &bench.schema, &scope, &of, &changes, &key).unwrap();
            let run = Batch { id, statements: std::slice::from_ref(&statement) };
            let told = tells_tokens(&Strategy::Pseudonymise, column, form);
            if told {
                let changed = before.iter().zip(&made).filter(|(before, made)| before != made).count();
                let left = verify(&database.config(""), &look()).await.unwrap();
                let counted: i64 = left.iter().map(|left| left.rows).sum();
                assert_eq!(counted, i64::try_from(changed).unwrap(), "{sql_type}, before round {round}");
                assert_eq!(changed == 0, round == 2, "{sql_type}, {changed} in round {round}");
            }
            run_batch(&bench.store, &run).await.unwrap_or_else(|error| panic!("{sql_type}: {error}"));
            before = rows(&database, number, 1).await;
            assert_eq!(before, made, "{sql_type}, round {round}");
            assert_eq!(verify(&database.config(""), &look()).await.unwrap(), [], "{sql_type}, after {round}");
        }
        assert_eq!(rows(&database, number, 2).await, others, "{sql_type}, of another organisation");
    }
}

#[tokio::test]
async fn tokens_of_values_are_those_that_rust_computes() {
    what_statements_give_is_what_rust_computes(TokenForm::Checked).await;
}

#[tokio::test]
async fn tokens_of_rows_are_those_that_rust_computes() {
    what_statements_give_is_what_rust_computes(TokenForm::CheckedByRow).await;
}

#[tokio::test]
async fn tokens_of_earlier_plans_are_still_those_that_rust_computes() {
    what_statements_give_is_what_rust_computes(TokenForm::Plain).await;
}

#[tokio::test]
async fn a_column_without_room_for_a_check_is_named_and_what_is_no_token_counted() {
    let schema = "CREATE TABLE org (id int PRIMARY KEY); INSERT INTO org VALUES (1);
        CREATE TABLE case0 (a int, b text, org int REFERENCES org, \"C\" varchar(20), PRIMARY KEY (a, b));
        INSERT INTO case0 VALUES (1, '', 1, 'Ada Lovelace'), (2, '', 1, '0cc175b9c0f1b6a831c3'), (3, '', 1, NULL);";
    let database = TestDatabase::with(schema).await;
    let map = map();
    let bench = Bench::new(database.store(), map.split("\n  - name: case1").next().unwrap()).await;
    let organisation = OrganisationId::parse("1").unwrap();
    let scope = EraseScope::all(&organisation, far_future());
    let (key, all, collection) = (PseudonymKey::new(&KEY), whole(), bench.collection("case0"));
    let unverifiable = |form| {
        let changes = with_tokens(form, &[("C", Strategy::Pseudonymise)]);
        let expected = Expected::Anonymised { changes: &changes, key: &key };
        Verification::plan(collection, &bench.schema, &scope, &Rows::Range(&all), expected).unwrap()
    };
    let plan = unverifiable(TokenForm::CheckedByRow);
    assert_eq!(plan.unverifiable(), ["C"]);
    let (table, column) = (collection.table.clone(), Some("C".to_owned()));
    assert_eq!(verify(&database.config(""), &[plan]).await.unwrap(), [Remainder { table, column, rows: 1 }]);
    assert!(unverifiable(TokenForm::Plain).unverifiable().is_empty(), "as it was then");
}
