//! Every family of types, as COPY's text and as JSON, against what the server itself says.

use connectors::CellRendering;
use domain::export::ExportFormat;
use domain::schema::TypeFamily;

use crate::support::{Bench, TestDatabase, copied, far_future};

/// Type, family, and values in SQL; every column also holds NULL.
const TYPES: [(&str, TypeFamily, &str); 44] = [
    ("text", TypeFamily::Text, r#"E'a\tb\nc\r\\d\b\f\v' || '\N \. ''" ünïcödé 🎻 שלום'"#),
    ("varchar(20)", TypeFamily::Text, "''"),
    ("char(4)", TypeFamily::Text, "'ab'"),
    ("name", TypeFamily::Text, "'n'"),
    ("\"char\"", TypeFamily::Text, "'c'"),
    ("ext.citext", TypeFamily::Text, "'MiXed'"),
    ("email", TypeFamily::Text, "'A@b.c'"),
    ("smallint", TypeFamily::Number, "-32768"),
    ("integer", TypeFamily::Number, "0"),
    ("bigint", TypeFamily::Number, "9223372036854775807"),
    ("numeric", TypeFamily::Number, "123456789012345678901234567890.000000000000000010"),
    ("numeric(10,2)", TypeFamily::Number, "'NaN'"),
    ("percentage", TypeFamily::Number, "99.5"),
    ("real", TypeFamily::Number, "0.1"),
    ("double precision", TypeFamily::Number, "1e-310"),
    ("float8", TypeFamily::Number, "'-Infinity'"),
    ("boolean", TypeFamily::Boolean, "true"),
    ("json", TypeFamily::Json, r#"'{"b": 1,  "a": [null, "x\n"], "b": 2}'"#),
    ("jsonb", TypeFamily::Json, r#"'{"b": 1.50, "a": "\u00e9\\"}'"#),
    ("timestamp", TypeFamily::Timestamp, "'2024-02-29 23:59:59.999999'"),
    ("timestamp(0)", TypeFamily::Timestamp, "'infinity'"),
    ("timestamptz", TypeFamily::TimestampTz, "'2024-02-29 23:59:59.5+05:30'"),
    ("timestamptz", TypeFamily::TimestampTz, "'0044-03-15 12:00:00+00 BC'"),
    ("date", TypeFamily::Date, "'-infinity'"),
    ("time", TypeFamily::Time, "'24:00'"),
    ("timetz", TypeFamily::Time, "'12:00+02'"),
    ("interval", TypeFamily::Time, "'-1 year 2 days -3.5 seconds'"),
    ("uuid", TypeFamily::Uuid, "'6d7a1f4e-8f2b-4c55-9d0e-0123456789ab'"),
    ("inet", TypeFamily::Network, "'2001:db8::1/64'"),
    ("cidr", TypeFamily::Network, "'192.0.2.0/24'"),
    ("bytea", TypeFamily::Bytes, r"'\x00ff5c'"),
    ("mood", TypeFamily::Enum, "'so \"so\"'"),
    ("calm", TypeFamily::Enum, "'fine'"),
    ("text[]", TypeFamily::Array, r#"ARRAY['a,b', 'c"d', NULL, '', E'\\', 'x{y']"#),
    ("integer[]", TypeFamily::Array, "'[2:3][1:2]={{1,2},{3,4}}'"),
    ("mood[]", TypeFamily::Array, "'{fine,\"so \\\"so\\\"\"}'"),
    ("tags", TypeFamily::Array, "'{}'"),
    ("int4range", TypeFamily::Other, "'[1,5)'"),
    ("datemultirange", TypeFamily::Other, "'{[2024-01-01,2024-02-01)}'"),
    ("point", TypeFamily::Other, "'(1.5,2)'"),
    ("place", TypeFamily::Other, "ROW('Main St 1', 12, ARRAY[1,2])"),
    ("ext.hstore", TypeFamily::Other, "'a=>1, b=>NULL'"),
    ("xml", TypeFamily::Other, "'<a>1</a>'"),
    ("bit(3)", TypeFamily::Other, "'101'"),
];

const PRELUDE: &str = r#"
CREATE SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE DOMAIN email_base AS text CHECK (VALUE LIKE '%@%');
CREATE DOMAIN email AS email_base NOT NULL;
ALTER DOMAIN email DROP NOT NULL;
CREATE DOMAIN percentage AS numeric(5, 2) CHECK (VALUE BETWEEN 0 AND 100);
CREATE TYPE mood AS ENUM ('fine', 'so "so"');
CREATE DOMAIN calm AS mood CHECK (VALUE = 'fine');
CREATE DOMAIN tags AS text[];
CREATE TYPE place AS (street text, number integer, doors integer[]);
"#;

fn schema() -> String {
    let columns: Vec<String> =
        TYPES.iter().enumerate().map(|(n, (sql_type, ..))| format!("c{n} {sql_type}")).collect();
    let values: Vec<&str> = TYPES.iter().map(|(_, _, value)| *value).collect();
    let (columns, values) = (columns.join(", "), values.join(", "));
    format!(
        "{PRELUDE} CREATE TABLE thing (tenant int PRIMARY KEY, {columns}); INSERT INTO thing VALUES (1, {values}); INSERT INTO thing VALUES (2)"
    )
}

fn map() -> String {
    let fields: Vec<String> = (0..TYPES.len()).map(|n| format!("{{name: c{n}}}")).collect();
    format!(
        "dataset: [{{fides_key: t, lethe: {{organisation: {{collection: thing, key: tenant}}}}, collections: [{{name: thing, fields: [{}]}}]}}]",
        fields.join(", ")
    )
}

#[tokio::test]
async fn values_come_out_as_the_server_writes_them() {
    let database = TestDatabase::with(&schema()).await;
    let bench = Bench::new(database.store(), &map()).await;
    let table = bench.schema.tables.values().next().unwrap();
    for (column, (sql_type, family, _)) in table.columns.iter().skip(1).zip(TYPES) {
        assert_eq!(column.family, family, "{sql_type}");
    }
    let mut transaction = bench.store.begin_read().await.unwrap();
    let settings = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET search_path = public, ext";
    database.client.batch_execute(settings).await.unwrap();
    for (organisation, nulls) in [("1", false), ("2", true)] {
        let read = bench.read("thing", organisation, far_future());
        let rows = copied(&mut transaction, &read).await.unwrap();
        assert_eq!((rows.len(), rows[0].len()), (1, read.cells.len()));
        for (cell, value) in read.cells.iter().zip(&rows[0]) {
            let rendered = cell.rendering == CellRendering::Json && cell.formats == ExportFormat::Json;
            let expression = if rendered {
                format!("to_json({})", cell.column)
            } else {
                format!("textin(record_out(ROW({}))) ", cell.column)
            };
            let sql = format!("SELECT {expression}::text FROM thing WHERE tenant = {organisation}");
            let truth: Option<String> = database.client.query_one(&sql, &[]).await.unwrap().get(0);
            let place: usize = cell.column[1..].parse().unwrap();
            assert_eq!(value.is_none(), nulls, "{}", TYPES[place].0);
            let truth =
                if rendered || nulls { truth.filter(|_| !nulls) } else { truth.map(|row| field_of(&row)) };
            assert_eq!(value, &truth, "{} as {:?}", TYPES[place].0, cell.rendering);
            if rendered && let Some(json) = value {
                serde_json::from_str::<serde_json::Value>(json).unwrap();
            }
        }
    }
    transaction.finish().await.unwrap();
}

/// The only field of a row's text: the output function's own words, without casts in between.
fn field_of(row: &str) -> String {
    let inner = row.strip_prefix('(').and_then(|row| row.strip_suffix(')')).unwrap();
    match inner.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\"").replace("\\\\", "\\"),
        None => inner.to_owned(),
    }
}
