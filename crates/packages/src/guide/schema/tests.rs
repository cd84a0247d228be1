use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

use super::*;
use crate::ValueKind::{self, Boolean, Json, Number, Text, Timestamp, TimestampTz, Verbatim};
use crate::{Formats, Outputs, RowEncoder};

/// Column, how it is written, its type, and cells as COPY prints them.
const COLUMNS: &[(&str, ValueKind, &str, &[&str])] = &[
    ("id", Number, "bigint", &["1", "-9223372036854775808"]),
    ("price", Number, "numeric(12,2)", &["12.50", "NaN"]),
    ("score", Number, "double precision", &["1e-05", "Infinity", "-Infinity", "3"]),
    ("active", Boolean, "boolean", &["t", "f"]),
    ("profile", Json, "jsonb", &[r#"{"a": {"b": [1, null]}}"#, "null", "[]", "7", "\"x\""]),
    (
        "seen_at",
        Timestamp,
        "timestamp without time zone",
        &["2024-01-02 03:04:05.5", "infinity", "0044-03-15 12:00:00 BC", "294276-12-31 23:59:59.999999"],
    ),
    (
        "created_at",
        TimestampTz,
        "timestamp with time zone",
        &[
            "2024-02-29 03:04:05.123456+00",
            "-infinity",
            "0044-03-15 12:00:00+00 BC",
            "12024-01-02 03:04:05+00",
        ],
    ),
    ("born_on", Verbatim, "date", &["1815-12-10", "infinity", "0044-03-15 BC", "5874897-12-31"]),
    ("opens_at", Verbatim, "time without time zone", &["03:04:05", "24:00:00", "03:04:05.25"]),
    ("token", Verbatim, "uuid", &["0190f3c4-7d2e-7c11-8f00-0123456789ab"]),
    ("photo", Verbatim, "bytea", &[r"\\x", r"\\x00ff"]),
    ("span", Verbatim, "interval", &["-1 days", "1 year 02:00:00"]),
    ("address", Verbatim, "inet", &["10.0.0.0/8", "::1"]),
    ("country", Text, "character varying(2)", &["de", "üß", ""]),
    ("note", Text, "text", &["=1+1", "a\\tb", "\u{202e}שלום"]),
    ("mood", Verbatim, "public.mood", &["glad"]),
];

fn entry(name: &str, database_type: &str) -> ColumnEntry {
    ColumnEntry {
        name: name.to_owned(),
        database_type: database_type.to_owned(),
        data_categories: vec!["user.contact".to_owned()],
        description: Some(format!("What {name} means")),
    }
}

fn described() -> (CollectionGuide, Vec<ColumnEntry>) {
    let mut columns: Vec<_> = COLUMNS.iter().map(|&(name, kind, ..)| Column::new(name, kind)).collect();
    columns.push(Column::new("tags", Verbatim).only(Formats::CsvOnly));
    columns.push(Column::new("tags", Json).only(Formats::JsonOnly));
    let mut entries: Vec<_> =
        COLUMNS.iter().map(|&(name, _, database_type, _)| entry(name, database_type)).collect();
    entries.push(entry("tags", "text[]"));
    (CollectionGuide::new("people", columns), entries)
}

/// As many rows as the longest list of cells, the shorter ones filled up with NULL, and one of NULLs.
fn rows() -> String {
    let longest = COLUMNS.iter().map(|(.., cells)| cells.len()).max().unwrap();
    let row = |at: usize| {
        let cells: Vec<_> = COLUMNS.iter().map(|(.., cells)| *cells.get(at).unwrap_or(&"\\N")).collect();
        let tags = if at < longest { "{a,NULL}\t[\"a\",null]" } else { "\\N\t\\N" };
        format!("{}\t{tags}\n", cells.join("\t"))
    };
    (0..=longest).map(row).collect()
}

fn encoded(columns: &[Column], rows: &str) -> Value {
    let mut json = Vec::new();
    let mut out = Outputs { json: Some(&mut json), csv: None };
    let mut encoder = RowEncoder::new(columns).unwrap();
    encoder.begin(&mut out);
    encoder.push(rows.as_bytes(), &mut out).unwrap();
    encoder.finish(&mut out).unwrap();
    serde_json::from_slice(&json).unwrap()
}

/// Compiled by an independent implementation, with `format` as an assertion, and checked against
/// the meta-schema of its draft.
fn compile(schema: &[u8]) -> (Schemas, SchemaIndex) {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.enable_format_assertions();
    let schema: Value = serde_json::from_slice(schema).unwrap();
    let id = schema["$id"].as_str().unwrap().to_owned();
    compiler.add_resource(&id, schema).unwrap();
    let index = compiler.compile(&id, &mut schemas).unwrap();
    (schemas, index)
}

#[test]
fn what_the_encoder_writes_is_valid() {
    let (guide, entries) = described();
    let (schemas, index) = compile(&schema_json(&guide, &entries).unwrap());
    let file = encoded(&guide.columns, &rows());
    assert_eq!(file.as_array().unwrap().len(), 6);
    schemas.validate(&file, index).unwrap();
    schemas.validate(&encoded(&guide.columns, ""), index).unwrap();
}

#[test]
fn what_it_never_writes_is_not() {
    let (guide, entries) = described();
    let (schemas, index) = compile(&schema_json(&guide, &entries).unwrap());
    let file = encoded(&guide.columns, &rows());
    for (column, wrong) in [
        ("id", Value::from(1.5)),
        ("id", Value::from("NaN")),
        ("price", Value::from("12.50")),
        ("active", Value::from("t")),
        ("seen_at", Value::from("2024-01-02T03:04:05+00:00")),
        ("created_at", Value::from("2024-01-02 03:04:05")),
        ("created_at", Value::from("2023-02-29T03:04:05+00:00")),
        ("born_on", Value::from("10.12.1815")),
        ("token", Value::from("none")),
        ("photo", Value::from("00ff")),
        ("country", Value::from("deu")),
        ("tags", Value::from("{a}")),
        ("more", Value::from(1)),
    ] {
        let mut file = file.clone();
        file[0][column] = wrong;
        assert!(schemas.validate(&file, index).is_err(), "{column}");
    }
    let mut file = file;
    file[0].as_object_mut().unwrap().remove("note");
    assert!(schemas.validate(&file, index).is_err());
}

#[test]
fn it_describes_the_columns_in_their_order() {
    let (guide, entries) = described();
    let schema = schema_json(&guide, &entries).unwrap();
    assert_eq!(schema, schema_json(&guide, &entries).unwrap());
    let text = String::from_utf8(schema.clone()).unwrap();
    let at: Vec<_> =
        COLUMNS.iter().map(|(name, ..)| text.find(&format!("What {name} means")).unwrap()).collect();
    assert!(at.is_sorted());
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    assert_eq!(schema["title"], "people");
    assert!(schema["$id"].as_str().unwrap().starts_with("urn:uuid:"));
    let country = &schema["items"]["properties"]["country"];
    assert_eq!(country["x-database-type"], "character varying(2)");
    assert_eq!(country["x-data-categories"][0], "user.contact");
    let renamed = CollectionGuide { collection: "others".into(), ..guide };
    let renamed: Value = serde_json::from_slice(&schema_json(&renamed, &entries).unwrap()).unwrap();
    assert_ne!(schema["$id"], renamed["$id"]);
}
