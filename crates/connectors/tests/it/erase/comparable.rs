//! What a hold compares is planned by the server before anything rests on it.

use connectors::erase::Misfit;
use domain::hold::{Comparison, Operator};

use crate::support::{Bench, TestDatabase};

const SCHEMA: &str = "
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN code AS text CHECK (VALUE ~ '^c');
CREATE DOMAIN span AS int4range CHECK (NOT isempty(VALUE));
CREATE EXTENSION citext;
CREATE TABLE t (
    id int PRIMARY KEY, big bigint, amount numeric(5,2), real_ real, flag bool, day date, at timestamptz, local timestamp(0),
    span interval, uid uuid, net inet, body json, data jsonb, doc xml, place point, bytes bytea, mood mood, code code,
    range_ span, name varchar(3), fixed char(4), free text, any_case citext, bits bit(3), list int[], moods mood[], name_list varchar(3)[], \"odd \"\"one\" int);
INSERT INTO t (id, any_case, mood) VALUES (1, 'A', 'ok');";

const MAP: &str = "
dataset:
- fides_key: odd
  lethe: {organisation: {collection: t, key: id}}
  collections:
  - name: t
    fields:
    - {name: id, fides_meta: {primary_key: true}}
";

async fn bench() -> (TestDatabase, Bench) {
    let database = TestDatabase::with(SCHEMA).await;
    let bench = Bench::new(database.store(), MAP).await;
    (database, bench)
}

async fn misfits(bench: &Bench, compared: &[(&str, Operator, &str)]) -> Vec<(usize, Misfit)> {
    let comparison = |(column, operator, value): &(&str, Operator, &str)| Comparison {
        column: (*column).to_owned(),
        operator: *operator,
        value: (*value).to_owned(),
    };
    let comparisons: Vec<_> = compared.iter().map(comparison).collect();
    bench.store.misfits(bench.collection("t"), &bench.schema, &comparisons).await.unwrap()
}

#[tokio::test]
async fn what_fits_its_column_is_taken() {
    use Operator::{AtLeast, AtMost, Equal, Greater, Less, NotEqual};
    let (_database, bench) = bench().await;
    let fits = [
        ("id", Equal, "-5"),
        ("big", AtLeast, "9223372036854775807"),
        ("amount", Equal, "999.99"),
        ("amount", Greater, "1234567.891"),
        ("real_", Equal, "0.1"),
        ("flag", Equal, "yes"),
        ("day", Less, "2026-02-28"),
        ("at", AtLeast, "2026-01-01T00:00:00+02:00"),
        ("local", Equal, "2026-01-01 12:00:00"),
        ("span", AtMost, "3 days"),
        ("uid", Equal, "6D7A1F4E-8F2B-4C55-9D0E-0123456789AB"),
        ("net", Equal, "2001:db8::1"),
        ("data", NotEqual, "{\"a\": [1]}"),
        ("bytes", Equal, "\\x00ff"),
        ("mood", Greater, "sad"),
        ("code", Equal, "c1"),
        ("code", AtLeast, "a"),
        ("range_", Equal, "[1,5)"),
        ("name", Equal, "abc"),
        ("name", AtLeast, "abcdef"),
        ("fixed", Equal, "ab"),
        ("free", Equal, "it's; DROP TABLE t -- \\"),
        ("free", Equal, ""),
        ("any_case", Equal, "a"),
        ("bits", Equal, "101"),
        ("list", Equal, "{1,2}"),
        ("moods", Equal, "{ok}"),
        ("odd \"one", Equal, "1"),
    ];
    assert_eq!(misfits(&bench, &fits).await, []);
}

#[tokio::test]
async fn a_value_that_its_column_could_not_hold_is_told_with_the_type() {
    use Operator::{AtLeast, Equal, Less};
    let (_database, bench) = bench().await;
    let unfit = [
        ("id", Equal, "99999999999", "integer"),
        ("id", Equal, "12.5", "integer"),
        ("id", Less, "", "integer"),
        ("amount", Less, "much", "numeric(5,2)"),
        ("flag", Equal, "perhaps", "boolean"),
        ("day", Less, "2026-02-30", "date"),
        ("at", Equal, "abc", "timestamp with time zone"),
        ("at", AtLeast, "2026-13-45", "timestamp with time zone"),
        ("span", Less, "3 weekends", "interval"),
        ("uid", Equal, "6d7a1f4e", "uuid"),
        ("net", Equal, "10.0.0.256", "inet"),
        ("data", Equal, "{", "jsonb"),
        ("bytes", Equal, "\\xf", "bytea"),
        ("mood", Equal, "Ok", "public.mood"),
        ("range_", AtLeast, "empty", "public.span"),
        ("range_", Equal, "[5,1)", "public.span"),
        ("list", Equal, "1", "integer[]"),
        ("moods", Equal, "{glad}", "public.mood[]"),
    ];
    let found = misfits(&bench, &unfit.map(|(column, operator, value, _)| (column, operator, value))).await;
    let value = |(at, (.., sql_type)): (usize, &(&str, Operator, &str, &str))| {
        (at, Misfit::Value { sql_type: (*sql_type).to_owned() })
    };
    assert_eq!(found, unfit.iter().enumerate().map(value).collect::<Vec<_>>());
    assert_eq!(found[0].1.to_string(), "expected a value of type integer, as the store reads it");
}

#[tokio::test]
async fn a_value_that_no_row_can_hold_is_told_from_one_that_cannot_be_compared() {
    use Operator::{AtLeast, Equal, Less, NotEqual};
    let (_database, bench) = bench().await;
    let unheld = [
        ("amount", Equal, "1.234", "numeric(5,2)"),
        ("amount", Equal, "99999", "numeric(5,2)"),
        ("local", Equal, "2026-01-01 12:00:00.5", "timestamp(0) without time zone"),
        ("code", Equal, "x1", "public.code"),
        ("name", Equal, "abcd", "character varying(3)"),
        ("fixed", Equal, "abcde", "character(4)"),
        ("bits", Less, "10101", "bit(3)"),
        ("name_list", Equal, "{abcd}", "character varying(3)[]"),
    ];
    let found = misfits(&bench, &unheld.map(|(column, operator, value, _)| (column, operator, value))).await;
    let told: Vec<_> = found.iter().map(|(at, misfit)| (*at, misfit)).collect();
    let unheld_of = |sql_type: &str| Misfit::Unheld { sql_type: sql_type.to_owned() };
    let expected: Vec<Misfit> = unheld.iter().map(|(.., sql_type)| unheld_of(sql_type)).collect();
    assert_eq!(told, expected.iter().enumerate().collect::<Vec<_>>());
    let orders = [("name", AtLeast, "abcd"), ("code", Less, "x1"), ("amount", NotEqual, "1.234")];
    assert_eq!(misfits(&bench, &orders).await, [], "an order has a place for each of them");
}

#[tokio::test]
async fn a_column_that_cannot_be_compared_or_is_not_there_is_told_whatever_the_value() {
    let (database, bench) = bench().await;
    let compared = [
        ("body", Operator::Equal, "{}"),
        ("body", Operator::Equal, "no json"),
        ("doc", Operator::Less, "<a/>"),
        ("place", Operator::Equal, "(1,2)"),
        ("flag", Operator::Equal, "true"),
        ("gone", Operator::Equal, "x"),
    ];
    let found = misfits(&bench, &compared).await;
    let told: Vec<String> = found.iter().map(|(at, misfit)| format!("{at}: {misfit}")).collect();
    assert_eq!(
        told,
        [
            "0: the store cannot compare columns of type json by =; name another column",
            "1: the store cannot compare columns of type json by =; name another column",
            "2: the store cannot compare columns of type xml by <; name another column",
            "3: the store cannot compare columns of type point by =; name another column",
            "5: there is no column `gone` in public.t that the role can read",
        ]
    );
    assert!(matches!(found[4].1, Misfit::Missing(_)));
    // A column that went after the schema was read.
    database.client.batch_execute("ALTER TABLE t DROP day").await.unwrap();
    let found =
        misfits(&bench, &[("day", Operator::Equal, "2026-01-01"), ("id", Operator::Equal, "1")]).await;
    assert!(matches!(found.as_slice(), [(0, Misfit::Column { .. })]), "{found:?}");
}

#[tokio::test]
async fn a_store_that_refuses_for_another_reason_is_no_misfit() {
    let (mut database, bench) = bench().await;
    let (_, act_as) = database.role().await;
    let store = connectors::SubjectStore::connect(&database.config(&act_as)).unwrap();
    let comparison = Comparison { column: "id".to_owned(), operator: Operator::Equal, value: "1".to_owned() };
    let refused = store.misfits(bench.collection("t"), &bench.schema, &[comparison]).await.unwrap_err();
    assert_eq!(refused.kind(), connectors::StoreErrorKind::Permission);
    assert!(refused.to_string().contains("reading public.t"), "{refused}");
}
