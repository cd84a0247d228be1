//! The strategies as SQL: what takes the place of a value, and whether a value is still there.
//!
//! Each form gives what the strategy's reference in the domain gives. NULL stays NULL. What a strategy has
//! given gives itself when the strategy is applied again, which is how it can be seen that it was; tokens
//! are recognised ([`token`]).

use domain::anonymise::{MARKER, tells_tokens};
use domain::datamap::Strategy;
use domain::erasure::FieldChange;
use domain::schema::{LiveColumn, TypeFamily};

use crate::erase::token::{self, Pads};
use crate::sql;

/// The most stars of a mask.
const STARS: usize = 16;

/// Whether a statement can carry the strategy out; the others need the values.
#[must_use]
pub fn in_statement(strategy: &Strategy) -> bool {
    !matches!(strategy, Strategy::FormatPreserving)
}

/// The new value of a column of the row `t0`; `None` where no statement can give it.
pub(crate) fn replacement(column: &LiveColumn, change: &FieldChange, pads: Option<&Pads>) -> Option<String> {
    let value = format!("t0.{}", sql::identifier(&column.name));
    Some(match &change.strategy {
        Strategy::Null => "NULL".to_owned(),
        Strategy::Constant { value: constant } => constant_in_place(&value, constant),
        Strategy::Mask => mask(&value, column),
        Strategy::RedactText => redact(&value, column),
        Strategy::Generalise => generalise(&value, column.family)?,
        Strategy::Pseudonymise => token::replacement(&value, column, change.token, pads?),
        Strategy::Keep => value,
        Strategy::FormatPreserving => return None,
    })
}

/// How it is seen that a row holds a value that the strategy would have changed.
pub(crate) struct Residual {
    /// The condition on the row `t0`; `None` where nothing can be seen.
    pub(crate) condition: Option<String>,
    /// Whether a row for which it is not true certainly holds no such value.
    pub(crate) decides: bool,
}

/// How it is seen that the row `t0` still holds a value that the strategy would have changed. `check` is
/// the placeholder of the key by which tokens are recognised. Texts are compared, byte by byte: every
/// type has one.
pub(crate) fn residual(column: &LiveColumn, change: &FieldChange, check: &str) -> Residual {
    let value = format!("t0.{}", sql::identifier(&column.name));
    let text = |value: &str| format!("({value})::pg_catalog.text COLLATE pg_catalog.\"C\"");
    let condition = match &change.strategy {
        Strategy::Null => Some(format!("{value} IS NOT NULL")),
        Strategy::Keep => Some("FALSE".to_owned()),
        Strategy::Pseudonymise => Some(token::residual(&value, column, change.token, check)),
        Strategy::FormatPreserving => tells_tokens(&change.strategy, column, change.token)
            .then(|| token::residual(&value, column, change.token, check)),
        Strategy::Constant { .. } | Strategy::Mask | Strategy::RedactText | Strategy::Generalise => {
            replacement(column, change, None).map(|replaced| {
                let replaced = format!("({replaced})::{}", column.sql_type);
                format!("{} IS DISTINCT FROM {}", text(&value), text(&replaced))
            })
        }
    };
    // Tokens of earlier plans are known by their form, as they were then.
    let by_form = change.strategy == Strategy::Pseudonymise
        && change.token.has_check()
        && !tells_tokens(&change.strategy, column, change.token);
    Residual { decides: condition.is_some() && !by_form, condition }
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

/// How many ASCII characters the column holds; of a domain only the server knows.
pub(crate) fn room(column: &LiveColumn) -> usize {
    let declared = || column.sql_type.split_once('(')?.1.split_once(')')?.0.parse().ok();
    match column.sql_type.split('(').next() {
        Some("character varying" | "character") => declared().unwrap_or(usize::MAX),
        Some("name") => 63,
        Some("\"char\"") => 1,
        _ => usize::MAX,
    }
}
