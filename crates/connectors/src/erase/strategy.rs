//! The strategies as SQL: what takes the place of a value, and whether a value is still there.
//!
//! Each form gives what the strategy's reference in the domain gives. NULL stays NULL. All but
//! pseudonyms give themselves when applied again, which is how it can be seen that they were.

use domain::anonymise::{ERASED_DOMAIN, MARKER};
use domain::datamap::Strategy;
use domain::schema::{LiveColumn, TypeFamily};

use crate::erase::pseudonym::hmac;
use crate::sql;

/// The most stars of a mask.
const STARS: usize = 16;
/// The fewest and the most hexadecimal digits of a pseudonym.
const DIGITS: std::ops::RangeInclusive<usize> = 16..=32;

/// Whether a statement can carry the strategy out; the others need the values.
#[must_use]
pub fn in_statement(strategy: &Strategy) -> bool {
    !matches!(strategy, Strategy::FormatPreserving)
}

/// Placeholders of the padded keys.
pub(crate) struct Pads {
    pub(crate) inner: String,
    pub(crate) outer: String,
}

/// The new value of a column of the row `t0`; `None` where no statement can give it.
pub(crate) fn replacement(column: &LiveColumn, strategy: &Strategy, pads: Option<&Pads>) -> Option<String> {
    let value = format!("t0.{}", sql::identifier(&column.name));
    Some(match strategy {
        Strategy::Null => "NULL".to_owned(),
        Strategy::Constant { value: constant } => constant_in_place(&value, constant),
        Strategy::Mask => mask(&value, column),
        Strategy::RedactText => redact(&value, column),
        Strategy::Generalise => generalise(&value, column.family)?,
        Strategy::Pseudonymise if column.family == TypeFamily::Uuid => pseudonym_uuid(&value, pads?),
        Strategy::Pseudonymise => pseudonym_text(&value, column, pads?),
        Strategy::Keep => value,
        Strategy::FormatPreserving => return None,
    })
}

/// The condition under which the row `t0` still holds a value that the strategy would have changed;
/// `None` where that cannot be seen. Texts are compared, byte by byte: every type has one.
pub(crate) fn residual(column: &LiveColumn, strategy: &Strategy) -> Option<String> {
    let value = format!("t0.{}", sql::identifier(&column.name));
    let text = |value: &str| format!("({value})::pg_catalog.text COLLATE pg_catalog.\"C\"");
    Some(match strategy {
        Strategy::Null => format!("{value} IS NOT NULL"),
        Strategy::Keep => "FALSE".to_owned(),
        Strategy::Pseudonymise => {
            format!("{} OPERATOR(pg_catalog.!~) {}", text(&value), sql::literal(&pseudonym_form(column)))
        }
        _ => {
            let replaced = format!("({})::{}", replacement(column, strategy, None)?, column.sql_type);
            format!("{} IS DISTINCT FROM {}", text(&value), text(&replaced))
        }
    })
}

/// The literal has no type, so it gets the column's; the server refuses it rather than cut it.
fn constant_in_place(value: &str, constant: &str) -> String {
    format!("CASE WHEN {value} IS NULL THEN {value} ELSE {} END", sql::literal(constant))
}

/// As many stars as there are characters, rounded down to a power of two.
fn mask(value: &str, column: &LiveColumn) -> String {
    let room = i32::try_from(room(column)).unwrap_or(i32::MAX);
    let length = format!("LEAST(pg_catalog.length({value}::pg_catalog.text), {room})");
    let steps: String = std::iter::successors(Some(STARS), |stars| Some(stars / 2).filter(|half| *half > 0))
        .map(|stars| format!("WHEN {length} OPERATOR(pg_catalog.>=) {stars} THEN {stars} "))
        .collect();
    format!("CASE WHEN {value} IS NOT NULL THEN pg_catalog.repeat('*', CASE {steps}ELSE 0 END) END")
}

fn redact(value: &str, column: &LiveColumn) -> String {
    let marker = MARKER.get(..room(column)).unwrap_or(MARKER);
    format!("CASE WHEN {value} IS NOT NULL THEN {}::pg_catalog.text END", sql::literal(marker))
}

fn generalise(value: &str, family: TypeFamily) -> Option<String> {
    Some(match family {
        TypeFamily::Date => year(
            value,
            "date",
            &format!(
                "pg_catalog.make_date(EXTRACT(year FROM {value}::pg_catalog.date)::pg_catalog.int4, 1, 1)"
            ),
        ),
        TypeFamily::Timestamp => {
            year(value, "timestamp", &format!("pg_catalog.date_trunc('year', {value}::pg_catalog.timestamp)"))
        }
        TypeFamily::TimestampTz => year(
            value,
            "timestamptz",
            &format!("pg_catalog.date_trunc('year', {value}::pg_catalog.timestamptz)"),
        ),
        TypeFamily::Network => network(value),
        TypeFamily::Number => leading_digit(value),
        _ => return None,
    })
}

/// The first day of the year in UTC, which is the session's time zone. The calendar begins within
/// the year 4714 BC.
fn year(value: &str, sql_type: &str, first: &str) -> String {
    let sql_type = format!("pg_catalog.{sql_type}");
    format!(
        "CASE WHEN NOT pg_catalog.isfinite({value}::{sql_type}) THEN {value}::{sql_type} \
         WHEN {value}::{sql_type} OPERATOR(pg_catalog.<) '4713-01-01 00:00:00+00 BC'::{sql_type} \
         THEN '4714-11-24 00:00:00+00 BC'::{sql_type} ELSE {first} END"
    )
}

/// The /24 of version 4, the /48 of version 6; a larger network stays as large.
fn network(value: &str) -> String {
    let value = format!("{value}::pg_catalog.inet");
    format!(
        "pg_catalog.network(pg_catalog.set_masklen({value}, LEAST(pg_catalog.masklen({value}), \
         CASE WHEN pg_catalog.family({value}) OPERATOR(pg_catalog.=) 4 THEN 24 ELSE 48 END)))"
    )
}

/// The leading digit with zeros after it; nothing between -10 and 10. By way of the text, because
/// floating-point numbers have more digits there than their cast to numeric keeps.
fn leading_digit(value: &str) -> String {
    let text = format!("{value}::pg_catalog.text");
    let number = format!("{text}::pg_catalog.numeric");
    format!(
        "CASE WHEN {text} IN ('NaN', 'Infinity', '-Infinity') THEN {number} \
         WHEN pg_catalog.abs({number}) OPERATOR(pg_catalog.<) 10 THEN 0 \
         ELSE pg_catalog.trunc({number}, 1 OPERATOR(pg_catalog.-) \
         pg_catalog.length(pg_catalog.trunc(pg_catalog.abs({number}))::pg_catalog.text)) END"
    )
}

/// The digest of the column's canonical text, as hexadecimal digits.
fn digest(label: &str, canonical: &str, pads: &Pads) -> String {
    let label = format!(
        "pg_catalog.convert_to({}, 'UTF8') OPERATOR(pg_catalog.||) '\\x00'::pg_catalog.bytea",
        sql::literal(label)
    );
    let message = format!("({label} OPERATOR(pg_catalog.||) pg_catalog.convert_to({canonical}, 'UTF8'))");
    format!("pg_catalog.encode({}, 'hex')", hmac(&message, &pads.inner, &pads.outer))
}

/// The beginning of the digest; an address stays an address where there is room for one.
fn pseudonym_text(value: &str, column: &LiveColumn, pads: &Pads) -> String {
    let text = canonical(value, column);
    let digits = digest("lethe/1/pseudonym/text", &text, pads);
    let plain = format!("pg_catalog.left({digits}, {})", token_length(room(column)));
    match address_length(column) {
        None => plain,
        Some(length) => format!(
            "CASE WHEN {text} COLLATE pg_catalog.\"C\" OPERATOR(pg_catalog.~~) '%_@_%' \
             THEN pg_catalog.left({digits}, {length}) OPERATOR(pg_catalog.||) '{ERASED_DOMAIN}' ELSE {plain} END"
        ),
    }
}

/// A UUID of version 8 (RFC 9562, 5.8). `OFFSET 0` has the digest computed once.
fn pseudonym_uuid(value: &str, pads: &Pads) -> String {
    let digits = digest("lethe/1/pseudonym/uuid", &format!("{value}::pg_catalog.text"), pads);
    format!(
        "(SELECT pg_catalog.concat(pg_catalog.substr(d.h, 1, 12), '8', pg_catalog.substr(d.h, 14, 3), \
         pg_catalog.translate(pg_catalog.substr(d.h, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab'), \
         pg_catalog.substr(d.h, 18, 15))::pg_catalog.uuid FROM (SELECT {digits} AS h OFFSET 0) d WHERE d.h IS NOT NULL)"
    )
}

/// What every pseudonym of the column looks like, as a regular expression.
fn pseudonym_form(column: &LiveColumn) -> String {
    if column.family == TypeFamily::Uuid {
        return "^.{14}8.{4}[89ab]".to_owned();
    }
    let plain = format!("[0-9a-f]{{{}}}", token_length(room(column)));
    match address_length(column) {
        None => format!("^{plain}$"),
        Some(length) => format!("^({plain}|[0-9a-f]{{{length}}}@erased[.]invalid)$"),
    }
}

/// One text for all that the column itself holds to be equal.
fn canonical(value: &str, column: &LiveColumn) -> String {
    let text = format!("{value}::pg_catalog.text");
    let ignores_case = column.sql_type == "citext" || column.sql_type.ends_with(".citext");
    if ignores_case { format!("pg_catalog.lower({text})") } else { format!("({text})") }
}

fn token_length(room: usize) -> usize {
    room.min(*DIGITS.end())
}

fn address_length(column: &LiveColumn) -> Option<usize> {
    let room = room(column).checked_sub(ERASED_DOMAIN.len())?;
    (room >= *DIGITS.start()).then(|| token_length(room))
}

/// How many ASCII characters the column holds; of a domain only the server knows.
fn room(column: &LiveColumn) -> usize {
    let declared = || column.sql_type.split_once('(')?.1.split_once(')')?.0.parse().ok();
    match column.sql_type.split('(').next() {
        Some("character varying" | "character") => declared().unwrap_or(usize::MAX),
        Some("name") => 63,
        Some("\"char\"") => 1,
        _ => usize::MAX,
    }
}
