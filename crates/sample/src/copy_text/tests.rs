use super::*;

fn written(write: impl FnOnce(&mut CopyText)) -> String {
    let mut out = CopyText::with_capacity(64);
    write(&mut out);
    String::from_utf8(out.take().to_vec()).unwrap()
}

#[test]
fn separators_and_escapes_are_escaped() {
    assert_eq!(written(|out| out.text("a\tb\nc\rd\\e")), "a\\tb\\nc\\rd\\\\e");
    assert_eq!(written(|out| out.text("\\N")), "\\\\N");
    assert_eq!(written(|out| out.text("\\.")), "\\\\.");
    assert_eq!(written(|out| out.text("\\")), "\\\\");
    assert_eq!(written(|out| out.text("日本\u{1}\u{7f}")), "日本\u{1}\u{7f}");
}

/// What the server does when it reads a cell back: every escaped text returns unchanged.
#[test]
fn escaping_can_be_undone() {
    for text in crate::traps::value::TEXTS {
        let escaped = written(|out| out.text(text));
        assert!(!escaped.contains(['\t', '\n', '\r']), "{escaped:?}");
        let mut plain = String::new();
        let mut characters = escaped.chars();
        while let Some(character) = characters.next() {
            plain.push(match character {
                '\\' => match characters.next() {
                    Some('t') => '\t',
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('\\') => '\\',
                    other => panic!("unknown escape {other:?} in {escaped:?}"),
                },
                other => other,
            });
        }
        assert_eq!(plain, *text);
    }
}

#[test]
fn null_is_not_the_empty_text() {
    let row = written(|out| {
        out.null();
        out.text("");
        out.text_or_null(None);
        out.end();
        out.text("");
        out.end();
    });
    assert_eq!(row, "\\N\t\t\\N\n\n");
}

#[test]
fn json_strings_are_escaped_twice() {
    let cell = written(|out| {
        out.open();
        out.json_piece("a \"b\" \\c");
    });
    assert_eq!(cell, r#""a \\"b\\" \\\\c""#);
}

#[test]
fn numbers_and_times_are_written_exactly() {
    assert_eq!(written(|out| out.number(0)), "0");
    assert_eq!(written(|out| out.number(u64::MAX)), u64::MAX.to_string());
    assert_eq!(written(|out| out.decimal(1_000_007, 6)), "1.000007");
    assert_eq!(written(|out| out.bytes(&[0, 0x5c, 0xff])), "\\\\x005cff");
    assert_eq!(written(|out| out.timestamptz(-1)), "1969-12-31 23:59:59.999999+00");
    assert_eq!(written(|out| out.timestamp(1_709_164_800_000_000)), "2024-02-29 00:00:00.000000");
    assert_eq!(written(|out| out.date(1_709_164_800_000_000)), "2024-02-29");
    assert_eq!(written(|out| out.uuid(Uuid::nil())), "00000000-0000-0000-0000-000000000000");
}
