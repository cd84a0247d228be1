//! What each strategy gives, by example.

mod fit;
mod generalise;
mod keyed;

use super::laws::with_digests;
use super::*;

fn column(sql_type: &str, family: TypeFamily) -> LiveColumn {
    let (name, equality) = ("c".to_owned(), laws::equality(sql_type));
    LiveColumn { name, sql_type: sql_type.to_owned(), family, not_null: false, generated: false, equality }
}

/// What the strategy makes of the value in such a column; `!` when it cannot be read.
fn made(strategy: &Strategy, sql_type: &str, family: TypeFamily, value: &str) -> String {
    let column = column(sql_type, family);
    let bound = Anonymiser::new(strategy, &column, false).unwrap();
    made_by(&bound, value, &[])
}

/// The same in the row with this key, by a strategy that is bound already.
fn made_by(bound: &Anonymiser<'_>, value: &str, row: &[String]) -> String {
    with_digests(1, |digests| match bound.apply(Some(value), digests, row) {
        Ok(output) => output.unwrap_or(Cow::Borrowed("NULL")).into_owned(),
        Err(_) => "!".to_owned(),
    })
}

#[test]
fn what_is_not_keyed_leaves_nothing_but_a_class_of_length() {
    let constant = Strategy::Constant { value: "gone".to_owned() };
    for (strategy, sql_type, value, expected) in [
        (&Strategy::Null, "text", "Ada", "NULL"),
        (&constant, "text", "Ada", "gone"),
        (&constant, "text", "", "gone"),
        (&Strategy::Keep, "text", "Ada", "Ada"),
        (&Strategy::Mask, "text", "", ""),
        (&Strategy::Mask, "text", "A", "*"),
        (&Strategy::Mask, "text", "Ada", "**"),
        (&Strategy::Mask, "text", "Anne-Marie", "********"),
        (&Strategy::Mask, "text", "大神物流株", "****"),
        (&Strategy::Mask, "text", "Kommunikationsleiterin Ada Lovelace", "****************"),
        (&Strategy::Mask, "character(24)", "Ada                     ", "**"),
        (&Strategy::RedactText, "text", "Call me back", MARKER),
        (&Strategy::RedactText, "text", "", MARKER),
        (&Strategy::RedactText, "character varying(4)", "Call", "[red"),
    ] {
        assert_eq!(made(strategy, sql_type, TypeFamily::Text, value), expected, "{strategy:?} {value}");
    }
}

#[test]
fn an_error_names_the_column_and_never_the_value() {
    let column = column("date", TypeFamily::Date);
    let bound = Anonymiser::new(&Strategy::Generalise, &column, false).unwrap();
    let error = with_digests(1, |digests| bound.apply(Some("31.12.1999 Ada"), digests, &[]).unwrap_err());
    let error = error.to_string();
    assert_eq!(error, "a value of the column `c` cannot be read as date");
}
