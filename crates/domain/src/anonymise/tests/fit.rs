//! What fits which column, beyond its family.

use super::column;
use crate::anonymise::{Anonymiser, check};
use crate::datamap::Strategy;
use crate::schema::TypeFamily as T;

/// Types, constants that fit a column of it, and constants that do not.
const CONSTANTS: &[(&str, T, &[&str], &[&str])] = &[
    ("text", T::Text, &["", "Former member"], &["a\0b"]),
    ("character varying(3)", T::Text, &["", "abc", "äöü", "大神物"], &["abcd"]),
    ("character(3)", T::Text, &["abc", "ab    "], &["abcd"]),
    ("character(1)", T::Text, &["x"], &["xy"]),
    ("name", T::Text, &["x"], &["ääääääääääääääääääääääääääääääää"]),
    ("smallint", T::Number, &["0", "-32768", "32767"], &["32768", "1.0", "", "x", "1e3"]),
    ("integer", T::Number, &["2147483647"], &["2147483648"]),
    ("bigint", T::Number, &["-9223372036854775808"], &["9223372036854775808"]),
    (
        "numeric(4,2)",
        T::Number,
        &["99.99", "0", "-1.50", "1.500", "NaN"],
        &["100", "0.125", "99.999", "x", "Infinity", "1e1"],
    ),
    ("numeric(3)", T::Number, &["999"], &["1000", "0.5"]),
    ("numeric(2,-3)", T::Number, &["99000", "0"], &["1500", "100000"]),
    ("numeric(3,5)", T::Number, &["0.00123", "0"], &["0.01", "1"]),
    ("numeric", T::Number, &["1e400", "Infinity", "12345678901234567890.5"], &["", "inf", "nan", "0x1F"]),
    ("real", T::Number, &["1e38", "NaN"], &["1e39", "infinity"]),
    ("double precision", T::Number, &["1e308", "-Infinity"], &["1e309", "one"]),
    ("public.percentage", T::Number, &["50", "0.5"], &["half"]),
    ("boolean", T::Boolean, &["true", "f", "YES", "off", "0"], &["", "o", "maybe", "2"]),
    ("jsonb", T::Json, &["null", "{}", "[1, \"a\"]"], &["", "{", "none"]),
    (
        "date",
        T::Date,
        &["1970-01-01", "2024-02-29", "0044-03-15 BC", "infinity", "epoch"],
        &["", "today", "2023-02-29", "01/02/1970", "0000-01-01"],
    ),
    (
        "timestamp without time zone",
        T::Timestamp,
        &["1970-01-01", "1970-01-01 00:00:00.5", "1970-01-01T12:30"],
        &["now", "1970-01-01 25:00", "1970-01-01 00:00:00+00"],
    ),
    (
        "timestamp with time zone",
        T::TimestampTz,
        &[
            "1970-01-01 00:00:00+00",
            "1970-01-01 00:00-05:30",
            "1970-01-01T00:00:00Z",
            "0044-03-15 12:00:00+00 BC",
        ],
        &["1970-01-01", "1970-01-01 00:00:00", "1970-01-01 00:00:00+99", "now"],
    ),
    (
        "uuid",
        T::Uuid,
        &["00000000-0000-0000-0000-000000000000", "{6d7a1f4e-8f2b-4c55-9d0e-0123456789ab}"],
        &["", "0", "urn:uuid:00000000-0000-0000-0000-000000000000"],
    ),
    ("inet", T::Network, &["0.0.0.0", "192.0.2.1/24", "::"], &["", "192.0.2", "192.0.2.1/33"]),
    ("cidr", T::Network, &["192.0.2.0/24", "::/0", "192.0.2.1"], &["192.0.2.1/24"]),
    (
        "bytea",
        T::Bytes,
        &["", "\\x", "\\x00ff", "abc", "a\\\\b\\001"],
        &["\\x0", "\\xzz", "\\", "\\9", "\\777"],
    ),
    ("public.mood", T::Enum, &["fine"], &[""]),
    (
        "text[]",
        T::Array,
        &["{}", "{a,\"}\"}", "[0:1]={1,2}", "{{1},{2}}"],
        &["", "a", "{", "}", "{}}", "{\"}"],
    ),
    ("interval", T::Time, &["1 day"], &[]),
    ("point", T::Other, &["(0,0)"], &[]),
];

#[test]
fn constants_fit_type_and_length() {
    for (sql_type, family, good, bad) in CONSTANTS {
        let misfit = |value: &&str| {
            check(&Strategy::Constant { value: (*value).to_owned() }, &column(sql_type, *family), false).err()
        };
        for value in *good {
            assert_eq!(misfit(value), None, "{sql_type} {value}");
        }
        for value in *bad {
            assert!(misfit(value).is_some(), "{sql_type} {value}");
        }
    }
}

#[test]
fn a_misfit_says_what_would_fit_and_not_the_constant() {
    let says = |value: &str, sql_type, family| {
        let strategy = Strategy::Constant { value: value.to_owned() };
        check(&strategy, &column(sql_type, family), false).unwrap_err().to_string()
    };
    assert_eq!(
        says("Ada Lovelace", "date", T::Date),
        "the constant cannot be read as a value of date; write `YYYY-MM-DD`"
    );
    assert_eq!(
        says("Ada Lovelace", "character varying(5)", T::Text),
        "the constant is longer than character varying(5) holds"
    );
}

#[test]
fn a_pseudonym_needs_sixteen_characters() {
    let misfit = |sql_type| check(&Strategy::Pseudonymise, &column(sql_type, T::Text), false).err();
    for wide in ["text", "character varying", "character varying(16)", "character(16)", "name", "public.code"]
    {
        assert_eq!(misfit(wide), None, "{wide}");
    }
    for narrow in ["character varying(15)", "character(15)", "character(1)", "\"char\""] {
        let message = misfit(narrow).unwrap().to_string();
        assert_eq!(message, format!("a pseudonym takes 16 characters and the column is {narrow}"));
    }
}

#[test]
fn some_types_of_a_family_are_refused() {
    for (strategy, sql_type, family) in [
        (Strategy::FormatPreserving, "\"char\"", T::Text),
        (Strategy::FormatPreserving, "numeric(2,-3)", T::Number),
        (Strategy::Generalise, "numeric(2,-3)", T::Number),
    ] {
        let column = column(sql_type, family);
        assert!(Anonymiser::new(&strategy, &column, false).is_err(), "{strategy:?} {sql_type}");
    }
}

#[test]
fn a_short_column_gets_another_default() {
    let email = ["user.contact.email".to_owned()];
    let default = |sql_type, not_null| {
        let column = crate::schema::LiveColumn { not_null, ..column(sql_type, T::Text) };
        crate::datamap::category::default_strategy(&email, &column, false)
    };
    assert_eq!(default("character varying(254)", true), Some(Strategy::Pseudonymise));
    assert_eq!(default("character varying(10)", false), Some(Strategy::Null));
    assert_eq!(default("character varying(10)", true), None, "the map has to choose");
}
