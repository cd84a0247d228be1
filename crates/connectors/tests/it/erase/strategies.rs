//! Each strategy, as a statement gives it, and verification sees it.

use connectors::erase::{
    Batch, EraseScope, EraseStatement, Expected, PseudonymKey, Rows, Verification, journal_ddl, run_batch,
    verify,
};
use domain::anonymise::{Anonymiser, TokenForm};
use domain::datamap::Strategy;
use domain::id::OrganisationId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::erase::support::{KEY, batch, constant, digesting, whole, with_tokens};
use crate::support::{Bench, TestDatabase, far_future};

/// A column's type, a strategy, and pairs of what was there and what is there afterwards.
struct Case {
    sql_type: &'static str,
    strategy: Strategy,
    pairs: Vec<(Option<String>, Option<String>)>,
}

fn case(sql_type: &'static str, strategy: Strategy, pairs: &[(&str, &str)]) -> Case {
    let mut pairs: Vec<_> =
        pairs.iter().map(|(from, to)| (Some((*from).to_owned()), Some((*to).to_owned()))).collect();
    // NULL stays NULL, whatever the strategy.
    pairs.push((None, None));
    Case { sql_type, strategy, pairs }
}

fn quoted(text: &Option<String>) -> String {
    text.as_ref().map_or("NULL".to_owned(), |text| format!("'{}'", text.replace('\'', "''")))
}

fn schema(cases: &[Case]) -> String {
    let mut sql = "CREATE EXTENSION IF NOT EXISTS citext; CREATE DOMAIN short AS varchar(40); CREATE TYPE mood AS ENUM ('sad', 'gone');
        CREATE TABLE org (id int PRIMARY KEY); INSERT INTO org VALUES (1), (2);".to_owned();
    for (number, Case { sql_type, pairs, .. }) in cases.iter().enumerate() {
        sql.push_str(&format!("CREATE TABLE case{number} (id int PRIMARY KEY, org int, \"C\" {sql_type});"));
        for (id, (from, _)) in pairs.iter().enumerate() {
            // The same row for another organisation, which must not change.
            let value = quoted(from);
            sql.push_str(&format!(
                "INSERT INTO case{number} VALUES ({id}, 1, {value}), (-{id} - 1, 2, {value});"
            ));
        }
    }
    sql
}

fn map(cases: &[Case]) -> String {
    let mut yaml = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}]"
        .to_owned();
    for number in 0..cases.len() {
        yaml.push_str(&format!(
            "
  - name: case{number}
    lethe: {{tenant: org}}
    fields: [{{name: id, fides_meta: {{primary_key: true}}}}, {{name: org, fides_meta: {{references: [{{dataset: shop, field: org.id, direction: to}}]}}}}, {{name: C}}]"
        ));
    }
    yaml
}

/// Applies each case to the rows of organisation 1, and verifies before and after.
async fn check(cases: &[Case]) {
    let database = TestDatabase::with(&schema(cases)).await;
    let user: String = database.client.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
    database.client.batch_execute(&journal_ddl(&user)).await.unwrap();
    let bench = Bench::new(database.store(), &map(cases)).await;
    let organisation = OrganisationId::parse("1").unwrap();
    let scope = EraseScope::all(&organisation, far_future());
    let (key, all) = (PseudonymKey::new(&KEY), whole());
    database.client.batch_execute("SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'").await.unwrap();
    for (number, case) in cases.iter().enumerate() {
        let about = format!("{} of {}", case.strategy.name(), case.sql_type);
        let collection = bench.collection(&format!("case{number}"));
        // Tokens as earlier plans have them; `tokens` tries the others.
        let changes = with_tokens(TokenForm::Plain, &[("C", case.strategy.clone())]);
        let rows = Rows::Range(&all);
        let plan = || {
            let expected = Expected::Anonymised { changes: &changes, key: &key };
            [Verification::plan(collection, &bench.schema, &scope, &rows, expected).unwrap()]
        };
        let left = verify(&database.config(""), &plan()).await.unwrap();
        let different = case.pairs.iter().filter(|(from, to)| from != to).count();
        assert_eq!(
            left.iter().map(|left| left.rows).sum::<i64>(),
            i64::try_from(different).unwrap(),
            "{about} before"
        );
        let statement =
            EraseStatement::anonymise(collection, &bench.schema, &scope, &rows, &changes, &key).unwrap();
        let run =
            Batch { id: batch(i32::try_from(number).unwrap()), statements: std::slice::from_ref(&statement) };
        let erased = run_batch(&bench.store, &run).await.unwrap_or_else(|error| panic!("{about}: {error}"));
        assert_eq!(usize::try_from(erased.rows).unwrap(), case.pairs.len(), "{about}");
        assert_eq!(verify(&database.config(""), &plan()).await.unwrap(), [], "{about} after");
        let read = format!("SELECT \"C\"::text FROM case{number} WHERE org = $1 ORDER BY abs(id)");
        for (organisation, side) in [(1, false), (2, true)] {
            let found = database.client.query(&read, &[&organisation]).await.unwrap();
            let found: Vec<Option<String>> = found.iter().map(|row| row.get(0)).collect();
            let expected: Vec<_> =
                case.pairs.iter().map(|(from, to)| if side { from.clone() } else { to.clone() }).collect();
            assert_eq!(found, expected, "{about}, organisation {organisation}");
        }
        for (given, found) in case.pairs.iter().zip(reference(&database, &bench, number, case).await) {
            assert_eq!(found, given.1, "{about}: the reference of {given:?}");
        }
    }
}

/// What the domain's reference gives for each value, as the column would print it.
async fn reference(
    database: &TestDatabase,
    bench: &Bench,
    number: usize,
    case: &Case,
) -> Vec<Option<String>> {
    let table = &bench.schema.tables[&bench.collection(&format!("case{number}")).table];
    let column = table.column("C").unwrap();
    let anonymiser = Anonymiser::new(&case.strategy, column, false).unwrap();
    let mut given = Vec::new();
    for (from, _) in &case.pairs {
        let replaced = digesting(|digests| {
            let replaced = anonymiser.apply(from.as_deref(), digests, &[]).unwrap();
            replaced.map(|text| text.into_owned())
        });
        let sql = format!("SELECT $1::text::{}::text", column.sql_type);
        given.push(database.client.query_one(&sql, &[&replaced]).await.unwrap().get(0));
    }
    given
}

#[tokio::test]
async fn constants_take_the_columns_type() {
    check(&[
        case("text", constant("it's \\ gone"), &[("a", "it's \\ gone"), ("", "it's \\ gone")]),
        case("varchar(4)", constant("gone"), &[("abcd", "gone")]),
        case("character(6)", constant("gone"), &[("abcd", "gone")]),
        case("integer", constant("0"), &[("17", "0")]),
        case("numeric(5,2)", constant("0"), &[("17.25", "0.00")]),
        case("real", constant("0.1"), &[("0.3", "0.1")]),
        case("date", constant("1970-01-01"), &[("1984-05-06", "1970-01-01")]),
        case("boolean", constant("false"), &[("true", "false")]),
        case("json", constant("null"), &[("{\"a\": 1}", "null")]),
        case("jsonb", constant("{}"), &[("{\"a\": 1}", "{}")]),
        case("text[]", constant("{}"), &[("{a,b}", "{}")]),
        case("bytea", constant(""), &[("\\x6162", "\\x")]),
        case(
            "uuid",
            constant("00000000-0000-0000-0000-000000000000"),
            &[("5f9cdd0b-dfa1-4d3c-8b56-9ffc20fd17e0", "00000000-0000-0000-0000-000000000000")],
        ),
        case("mood", constant("gone"), &[("sad", "gone")]),
        case("short", constant("gone"), &[("abc", "gone")]),
        case("citext", constant("Gone"), &[("gone", "Gone")]),
        case("interval", constant("0"), &[("1 day", "00:00:00")]),
        case("point", constant("(0,0)"), &[("(1,2)", "(0,0)")]),
        case("text COLLATE \"C\"", constant("gone"), &[("b", "gone")]),
    ])
    .await;
}

#[tokio::test]
async fn texts_are_covered_by_stars_or_replaced_whole() {
    let masks = [
        ("Ilić", "****"),
        ("Anne-Marie O'Neil", "****************"),
        ("abc", "**"),
        ("x", "*"),
        ("", ""),
        ("seven\u{0301}", "****"),
    ];
    check(&[
        case("text", Strategy::Mask, &masks),
        case("citext", Strategy::Mask, &masks),
        case("character(20)", Strategy::Mask, &masks),
        case("varchar(3)", Strategy::Mask, &[("abc", "**"), ("***", "**")]),
        case(
            "text",
            Strategy::RedactText,
            &[("my mother's name is Eve", "[redacted]"), ("", "[redacted]"), ("[Redacted]", "[redacted]")],
        ),
        case("citext", Strategy::RedactText, &[("[Redacted]", "[redacted]")]),
        case("varchar(5)", Strategy::RedactText, &[("hello", "[reda")]),
        case("short", Strategy::RedactText, &[("hello", "[redacted]")]),
    ])
    .await;
}

#[tokio::test]
async fn times_and_addresses_lose_their_precision() {
    let years = [
        ("1984-05-06", "1984-01-01"),
        ("2000-01-01", "2000-01-01"),
        ("0044-03-15 BC", "0044-01-01 BC"),
        ("infinity", "infinity"),
        ("4714-12-01 BC", "4714-11-24 BC"),
        ("4713-12-01 BC", "4713-01-01 BC"),
        ("300000-05-05", "300000-01-01"),
    ];
    check(&[
        case("date", Strategy::Generalise, &years),
        case(
            "timestamp",
            Strategy::Generalise,
            &[
                ("1984-05-06 07:08:09.123456", "1984-01-01 00:00:00"),
                ("-infinity", "-infinity"),
                ("4714-12-01 01:00:00 BC", "4714-11-24 00:00:00 BC"),
            ],
        ),
        case(
            "timestamptz",
            Strategy::Generalise,
            &[("1984-05-06 07:08:09.123456+00", "1984-01-01 00:00:00+00")],
        ),
        case(
            "inet",
            Strategy::Generalise,
            &[
                ("192.0.2.77/32", "192.0.2.0/24"),
                ("10.0.0.0/8", "10.0.0.0/8"),
                ("2001:db8:1:2::3/128", "2001:db8:1::/48"),
                ("192.0.2.77/30", "192.0.2.0/24"),
            ],
        ),
        case(
            "cidr",
            Strategy::Generalise,
            &[("192.0.2.76/30", "192.0.2.0/24"), ("10.0.0.0/8", "10.0.0.0/8")],
        ),
    ])
    .await;
}

#[tokio::test]
async fn numbers_keep_their_leading_digit() {
    check(&[
        case(
            "integer",
            Strategy::Generalise,
            &[("1984", "1000"), ("37", "30"), ("9", "0"), ("-2147483648", "-2000000000"), ("0", "0")],
        ),
        case("smallint", Strategy::Generalise, &[("-32768", "-30000"), ("-9", "0")]),
        case("bigint", Strategy::Generalise, &[("9223372036854775807", "9000000000000000000")]),
        case("numeric", Strategy::Generalise, &[("1984.50", "1000"), ("NaN", "NaN"), ("-99.99", "-90")]),
        case("numeric(10,2)", Strategy::Generalise, &[("1984.50", "1000.00"), ("0.37", "0.00")]),
        case(
            "double precision",
            Strategy::Generalise,
            &[
                ("1984.5", "1000"),
                ("-Infinity", "-Infinity"),
                ("1.7976931348623157e+308", "1e+308"),
                ("9.007199254740992e+15", "9e+15"),
            ],
        ),
        case("real", Strategy::Generalise, &[("0.1", "0"), ("34.5", "30")]),
    ])
    .await;
}

fn hmac(message: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    message.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn token(text: &str) -> String {
    hmac(&[b"lethe/1/pseudonym/text\0", text.as_bytes()])[..32].to_owned()
}

/// Pairs of texts with their pseudonyms, cut to `length` before `tail`.
fn pseudonyms(
    texts: &[&str],
    canonical: fn(&str) -> String,
    length: usize,
    tail: &str,
) -> Vec<(Option<String>, Option<String>)> {
    let one = |text: &&str| {
        (Some((*text).to_owned()), Some(format!("{}{tail}", &token(&canonical(text))[..length])))
    };
    texts.iter().map(one).chain([(None, None)]).collect()
}

#[tokio::test]
async fn pseudonyms_are_those_that_rust_computes() {
    let texts = ["Ilić", "", "0", "a'b\\c", "a@", "@b", "two\nlines"];
    let case = |sql_type, pairs| Case { sql_type, strategy: Strategy::Pseudonymise, pairs };
    let id = "5f9cdd0b-dfa1-4d3c-8b56-9ffc20fd17e0";
    let digits = hmac(&[b"lethe/1/pseudonym/uuid\0", id.as_bytes()]);
    let bytes: Vec<u8> =
        (0..16).map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).unwrap()).collect();
    let custom = uuid::Builder::from_custom_bytes(bytes.try_into().unwrap()).into_uuid().to_string();
    check(&[
        case("text", pseudonyms(&texts, str::to_owned, 32, "")),
        case("text", pseudonyms(&["anna@example.com", "ä@b@c"], str::to_owned, 32, "@erased.invalid")),
        case("varchar(20)", pseudonyms(&["anna@example.com", "Ilić"], str::to_owned, 20, "")),
        case("varchar(31)", pseudonyms(&["anna@example.com"], str::to_owned, 16, "@erased.invalid")),
        case("varchar(40)", pseudonyms(&["anna@example.com"], str::to_owned, 25, "@erased.invalid")),
        case("character(40)", pseudonyms(&["Ilić"], str::to_owned, 32, "")),
        case("citext", pseudonyms(&["Anna", "anna"], str::to_lowercase, 32, "")),
        case("short", pseudonyms(&["Ilić"], str::to_owned, 32, "")),
        case("uuid", vec![(Some(id.to_owned()), Some(custom)), (None, None)]),
    ])
    .await;
}
