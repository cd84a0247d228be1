use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::encode::Formats;
use crate::encode::ValueKind::{self, Boolean, Json, Number, Text, Timestamp, TimestampTz, Verbatim};

/// What COPY writes for a row of texts: PostgreSQL's own escapes, the least reading of its manual.
fn copy_row(cells: &[Option<String>]) -> Vec<u8> {
    let escaped = cells.iter().map(|cell| match cell {
        None => "\\N".to_owned(),
        Some(text) => {
            let letters = text.chars().map(|letter| match letter {
                '\\' => "\\\\".to_owned(),
                '\u{8}' => "\\b".to_owned(),
                '\u{c}' => "\\f".to_owned(),
                '\n' => "\\n".to_owned(),
                '\r' => "\\r".to_owned(),
                '\t' => "\\t".to_owned(),
                '\u{b}' => "\\v".to_owned(),
                other => other.to_string(),
            });
            letters.collect()
        }
    });
    let mut row = escaped.collect::<Vec<String>>().join("\t").into_bytes();
    row.push(b'\n');
    row
}

fn encode(columns: &[Column], chunks: &[&[u8]]) -> Result<(String, String, EncodedRows), EncodeError> {
    let (mut json, mut csv) = (Vec::new(), Vec::new());
    let mut out = Outputs { json: Some(&mut json), csv: Some(&mut csv) };
    let mut encoder = RowEncoder::new(columns)?;
    encoder.begin(&mut out);
    for chunk in chunks {
        encoder.push(chunk, &mut out)?;
    }
    let counted = encoder.finish(&mut out)?;
    Ok((String::from_utf8(json).unwrap(), String::from_utf8(csv).unwrap(), counted))
}

/// One column `v` of this kind, and one row whose cell COPY would print so.
fn one(kind: ValueKind, cell: &str) -> (String, String) {
    let columns = [Column::new("v", kind)];
    let (json, csv, _) = encode(&columns, &[format!("{cell}\n").as_bytes()]).unwrap();
    let json = json.strip_prefix("[\n{\"v\":").unwrap().strip_suffix("}\n]\n").unwrap();
    let csv = csv.strip_prefix("v\r\n").unwrap().strip_suffix("\r\n").unwrap();
    (json.to_owned(), csv.to_owned())
}

fn texts(columns: usize) -> Vec<Column> {
    let name = |at| Column::new(format!("c{at}"), Text);
    (0..columns).map(name).collect()
}

/// Text as people write it, with everything in it that has a meaning to COPY, JSON or CSV.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        "[\\\\\"',=+@\t\n\r\u{8}\u{b}\u{c}a-c＝＋－＠-]{0,12}",
        "\\PC{0,40}",
        "[\u{1}-\u{1f}\u{7f}\u{2028}\u{202e}ü]{0,40}",
        Just("\\N".to_owned()),
        Just("\\.".to_owned()),
        Just("null".to_owned()),
    ]
}

fn matrix() -> impl Strategy<Value = Vec<Vec<Option<String>>>> {
    (2_usize..6).prop_flat_map(|columns| {
        let row = prop::collection::vec(prop::option::of(text()), columns);
        prop::collection::vec(row, 0..6)
    })
}

/// Takes back what neutralising did, as the manifest tells readers to.
fn restored(cell: &str) -> String {
    let bare = cell.trim_start_matches('\'');
    let is_neutralised = bare.len() < cell.len()
        && bare.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    cell[usize::from(is_neutralised)..].to_owned()
}

proptest! {
    #[test]
    fn json_says_what_the_rows_say(rows in matrix()) {
        let columns = texts(rows.first().map_or(2, Vec::len));
        let copied: Vec<u8> = rows.iter().flat_map(|row| copy_row(row)).collect();
        let (json, _, counted) = encode(&columns, &[&copied]).unwrap();
        let expected = rows.iter().map(|row| {
            let cells = columns.iter().zip(row).map(|(column, cell)| (column.name.clone(), Value::from(cell.clone())));
            Value::Object(cells.collect())
        });
        prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), expected.collect::<Value>());
        // One record a line: as many lines as records, and the two brackets.
        prop_assert_eq!(json.lines().count(), rows.len() + 2);
        prop_assert_eq!(counted.rows, u64::try_from(rows.len()).unwrap());
    }

    #[test]
    fn csv_says_what_the_rows_say(rows in matrix()) {
        let columns = texts(rows.first().map_or(2, Vec::len));
        let copied: Vec<u8> = rows.iter().flat_map(|row| copy_row(row)).collect();
        let (_, csv, counted) = encode(&columns, &[&copied]).unwrap();
        let mut reader = csv::ReaderBuilder::new().from_reader(csv.as_bytes());
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        prop_assert_eq!(records.len(), rows.len());
        let mut changed = 0;
        for (record, row) in records.iter().zip(&rows) {
            for (found, cell) in record.iter().zip(row) {
                let cell = cell.as_deref().unwrap_or_default();
                prop_assert_eq!(restored(found), cell);
                prop_assert!(!found.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']));
                changed += u64::from(found != cell);
            }
        }
        prop_assert_eq!(counted.neutralised_cells.iter().sum::<u64>(), changed);
    }

    #[test]
    fn chunks_may_be_cut_anywhere(rows in matrix(), step in 1_usize..7) {
        let columns = texts(rows.first().map_or(2, Vec::len));
        let copied: Vec<u8> = rows.iter().flat_map(|row| copy_row(row)).collect();
        let whole = encode(&columns, &[&copied]).unwrap();
        for at in 0..=copied.len() {
            let (first, second) = copied.split_at(at);
            prop_assert_eq!(&encode(&columns, &[first, second]).unwrap(), &whole);
        }
        let pieces: Vec<&[u8]> = copied.chunks(step).collect();
        prop_assert_eq!(&encode(&columns, &pieces).unwrap(), &whole);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for kind in [Number, Boolean, Json, TimestampTz, Text] {
            let columns = [Column::new("a", kind), Column::new("b", kind)];
            drop(encode(&columns, &[&bytes]));
        }
    }
}

/// Kind, cell as COPY prints it, JSON, CSV.
const WRITTEN: &[(ValueKind, &str, &str, &str)] = &[
    (Number, "-12.50", "-12.50", "-12.50"),
    (Number, "1e-05", "1e-05", "1e-05"),
    (
        Number,
        "123456789012345678901234567890.000",
        "123456789012345678901234567890.000",
        "123456789012345678901234567890.000",
    ),
    (Number, "NaN", "\"NaN\"", "NaN"),
    (Number, "Infinity", "\"Infinity\"", "Infinity"),
    (Number, "-Infinity", "\"-Infinity\"", "-Infinity"),
    (Boolean, "t", "true", "t"),
    (Boolean, "f", "false", "f"),
    (
        Json,
        r#"{"a": "x\\ny", "b": [1, 2]}"#,
        r#"{"a": "x\ny", "b": [1, 2]}"#,
        r#""{""a"": ""x\ny"", ""b"": [1, 2]}""#,
    ),
    (Json, r#"{\n\t"a":\r\n 1}"#, r#"{"a": 1}"#, "\"{\n\t\"\"a\"\":\r\n 1}\""),
    (Json, "-1", "-1", "-1"),
    (Timestamp, "2024-01-02 03:04:05.5", "\"2024-01-02T03:04:05.5\"", "2024-01-02 03:04:05.5"),
    (TimestampTz, "2024-01-02 03:04:05+00", "\"2024-01-02T03:04:05+00:00\"", "2024-01-02 03:04:05+00"),
    (TimestampTz, "-infinity", "\"-infinity\"", "-infinity"),
    (Verbatim, "-1 days", "\"-1 days\"", "-1 days"),
    (Verbatim, r"\\x00ff", r#""\\x00ff""#, r#""\x00ff""#),
    (Verbatim, "{a,NULL}", "\"{a,NULL}\"", "\"{a,NULL}\""),
    (Text, "", "\"\"", "\"\""),
    (Text, "\u{1}\u{1f}\u{7f}", "\"\\u0001\\u001f\u{7f}\"", "\u{1}\u{1f}\u{7f}"),
    (
        Text,
        r"a\tb\nc\rd\be\ff\vg\\h",
        r#""a\tb\nc\rd\be\ff\u000bg\\h""#,
        "\"a\tb\nc\rd\u{8}e\u{c}f\u{b}g\\h\"",
    ),
    (Text, "\u{2028}שלום", "\"\u{2028}שלום\"", "\u{2028}שלום"),
];

#[test]
fn every_kind_is_written_as_to_json_and_copy_write_it() {
    for &(kind, cell, json, csv) in WRITTEN {
        assert_eq!(one(kind, cell), (json.to_owned(), csv.to_owned()), "{kind:?} {cell}");
        assert!(serde_json::from_str::<Value>(&one(kind, cell).0).is_ok(), "{cell}");
    }
    for kind in [Boolean, Json, Number, Text, Timestamp, TimestampTz, Verbatim] {
        assert_eq!(one(kind, "\\N"), ("null".to_owned(), String::new()));
    }
}

#[test]
fn formulas_are_neutralised_in_text_and_nowhere_else() {
    for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "＋1", "－1", "＠1", "'=1", "''=1"] {
        assert_eq!(one(Text, formula).1, format!("\"'{formula}\""));
        assert_eq!(one(Text, formula).0, format!("\"{formula}\""));
        assert_eq!(one(Verbatim, formula).1, formula);
    }
    for (cell, csv) in [("\\t=1", "\"'\t=1\""), ("\\r1", "\"'\r1\""), ("\\n1", "\"'\n1\"")] {
        assert_eq!(one(Text, cell).1, csv);
    }
    for harmless in ["a=1", "'a", "''", " =1", "1-1", "\u{ff00}", "\u{ff1e}"] {
        assert_eq!(one(Text, harmless).1, harmless);
    }
}

#[test]
fn columns_may_belong_to_one_format() {
    let columns = [
        Column::new("tags", Verbatim).only(Formats::CsvOnly),
        Column::new("id", Number),
        Column::new("tags", Json).only(Formats::JsonOnly),
    ];
    let rows = b"{a,b}\t1\t[\"a\",\"b\"]\n\\N\t2\t\\N\n";
    let (json, csv, _) = encode(&columns, &[rows]).unwrap();
    assert_eq!(json, "[\n{\"id\":1,\"tags\":[\"a\",\"b\"]},\n{\"id\":2,\"tags\":null}\n]\n");
    assert_eq!(csv, "tags,id\r\n\"{a,b}\",1\r\n,2\r\n");
}

#[test]
fn names_are_escaped_in_both_formats() {
    let columns = [Column::new("say \"hi\", \n", Number), Column::new("ünï", Number)];
    let (json, csv, _) = encode(&columns, &[b"1\t2\n"]).unwrap();
    assert_eq!(json, "[\n{\"say \\\"hi\\\", \\n\":1,\"ünï\":2}\n]\n");
    assert_eq!(csv, "\"say \"\"hi\"\", \n\",ünï\r\n1,2\r\n");
}

#[test]
fn without_rows_the_files_are_complete() {
    let (json, csv, counted) = encode(&texts(2), &[]).unwrap();
    assert_eq!((json.as_str(), csv.as_str()), ("[\n]\n", "c0,c1\r\n"));
    assert_eq!(counted.rows, 0);
}

#[test]
fn malformed_rows_are_refused_by_number_and_without_their_content() {
    let columns = texts(2);
    let fails = |rows: &[u8]| encode(&columns, &[b"a\tb\n", rows]).unwrap_err();
    let cells = |found| EncodeError::CellCount { row: 2, found, expected: 2 };
    assert_eq!(fails(b"a\n"), cells(1));
    assert_eq!(fails(b"a\tb\tc\n"), cells(3));
    assert_eq!(fails(b"a\t\xff\n"), EncodeError::NotUtf8 { row: 2 });
    assert_eq!(fails(b"a\tx\\q\n"), EncodeError::Escape { row: 2 });
    assert_eq!(fails(b"a\tx\\\n"), EncodeError::Escape { row: 2 });
    assert_eq!(fails(b"a\tb"), EncodeError::Truncated { row: 2 });
    assert_eq!(encode(&[], &[]).unwrap_err(), EncodeError::NoColumns);
}
