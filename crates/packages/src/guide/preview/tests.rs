use proptest::prelude::*;

use super::PreviewCell::{Bytes, Cut, Null, Text};
use super::*;
use crate::Formats;

fn collect(columns: &[Column], rows: &[&[u8]]) -> Result<Preview, EncodeError> {
    let mut first = FirstRows::new(columns);
    rows.iter().try_for_each(|row| first.push(row))?;
    Ok(first.into_preview())
}

/// The one cell of one row, which COPY would print so.
fn one(kind: ValueKind, cell: &str) -> PreviewCell {
    let preview = collect(&[Column::new("v", kind)], &[cell.as_bytes()]).unwrap();
    preview.rows[0][0].clone()
}

fn text(text: &str) -> PreviewCell {
    Text(text.to_owned())
}

#[test]
fn cells_are_shown_as_people_read_them() {
    use ValueKind::{Boolean, Json, Number, TimestampTz, Verbatim};
    for (kind, cell, shown) in [
        (ValueKind::Text, "\\N", Null),
        (ValueKind::Text, "", text("")),
        (ValueKind::Text, "\\\\N", text("\\N")),
        (ValueKind::Text, "a\\tb\\nc\\rd\\be\\ff\\vg\\\\", text("a\tb\nc\rd\u{8}e\u{c}f\u{b}g\\")),
        (ValueKind::Text, "\u{202e}שלום", text("\u{202e}שלום")),
        (ValueKind::Text, "\\\\xff", text("\\xff")),
        (Boolean, "t", text("true")),
        (Boolean, "\\N", Null),
        (Number, "-12.50", text("-12.50")),
        (TimestampTz, "2024-01-02 03:04:05+00", text("2024-01-02 03:04:05+00")),
        (Json, r#"{\n\t"a": "x\\ny"}"#, text(r#"{"a": "x\ny"}"#)),
        (Verbatim, "{a,b}", text("{a,b}")),
        (Verbatim, r"\\x00ff", Bytes { start: "00ff".into(), size_bytes: 2 }),
        (Verbatim, r"\\x", Bytes { start: String::new(), size_bytes: 0 }),
    ] {
        assert!(one(kind, cell) == shown, "{kind:?} {cell}");
    }
}

#[test]
fn long_cells_are_cut_and_say_how_long_they_are() {
    assert!(one(ValueKind::Text, &"ü".repeat(200)) == text(&"ü".repeat(200)));
    let long = format!("{}\\n{}", "ü".repeat(199), "x".repeat(1 << 20));
    let start = format!("{}\n", "ü".repeat(199));
    assert!(one(ValueKind::Text, &long) == Cut { start, characters: 200 + (1 << 20) });
    let json = format!("[{}]", "1,".repeat(100));
    assert!(matches!(one(ValueKind::Json, &json), Cut { start, characters: 202 } if start.len() == 120));
    let bytes = format!(r"\\x{}", "ab".repeat(5000));
    assert!(one(ValueKind::Verbatim, &bytes) == Bytes { start: "ab".repeat(12), size_bytes: 5000 });
}

#[test]
fn a_column_appears_once() {
    let twins = [
        Column::new("tags", ValueKind::Verbatim).only(Formats::CsvOnly),
        Column::new("tags", ValueKind::Json).only(Formats::JsonOnly),
        Column::new("id", ValueKind::Number),
    ];
    let preview = collect(&twins, &[b"{a}\t[\"a\"]\t1\n"]).unwrap();
    assert!(preview.rows[0] == [text("{a}"), text("1")]);
    let names: Vec<_> = preview.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["tags", "id"]);
    let alone = [Column::new("tags", ValueKind::Json).only(Formats::JsonOnly)];
    assert!(collect(&alone, &[b"[\"a\"]"]).unwrap().rows[0] == [text("[\"a\"]")]);
}

#[test]
fn twenty_rows_are_kept() {
    let mut first = FirstRows::new(&[Column::new("id", ValueKind::Number)]);
    for number in 0..50 {
        assert_eq!(first.is_full(), number >= 20);
        first.push(format!("{number}\n").as_bytes()).unwrap();
    }
    let preview = first.into_preview();
    assert_eq!(preview.rows.len(), 20);
    assert!(preview.rows[19] == [text("19")]);
}

#[test]
fn malformed_rows_are_refused_as_the_encoder_does() {
    let columns = [Column::new("a", ValueKind::Text), Column::new("b", ValueKind::Text)];
    let refused = |row: &[u8]| collect(&columns, &[b"a\tb\n", row]).unwrap_err();
    assert_eq!(refused(b"a\n"), EncodeError::CellCount { row: 2, found: 1, expected: 2 });
    assert_eq!(refused(b"a\t\xff\n"), EncodeError::NotUtf8 { row: 2 });
    assert_eq!(refused(b"a\tx\\q\n"), EncodeError::Escape { row: 2 });
    assert_eq!(refused(b"a\tx\\"), EncodeError::Escape { row: 2 });
    assert_eq!(refused("a\tx\\ü".as_bytes()), EncodeError::Escape { row: 2 });
}

#[test]
fn it_travels_whole_and_says_nothing_to_a_log() {
    let columns = [Column::new("name", ValueKind::Text), Column::new("photo", ValueKind::Verbatim)];
    let preview = collect(&columns, &[b"Ada\t\\\\x00\n", b"\\N\t\n"]).unwrap();
    let json = serde_json::to_vec(&preview).unwrap();
    assert_eq!(serde_json::from_slice::<Preview>(&json).unwrap(), preview);
    assert_eq!(format!("{preview:?}"), "Preview { columns: 2, rows: 2, .. }");
    let mut first = FirstRows::new(&columns);
    first.push(b"Ada\tx").unwrap();
    assert!(!format!("{first:?}").contains("Ada"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for kind in [ValueKind::Number, ValueKind::Json, ValueKind::Verbatim, ValueKind::Text] {
            drop(collect(&[Column::new("a", kind)], &[&bytes]));
        }
    }
}
