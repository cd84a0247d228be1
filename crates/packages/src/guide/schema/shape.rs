//! Which JSON a value of a column may be, by how the encoder writes it.

use serde::Serialize;

use super::super::types;
use crate::encode::ValueKind;

/// Points in time without a zone, which are no RFC 3339.
const TIMESTAMP: &str =
    r"^(-?infinity|[0-9]{4,6}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?( BC)?)$";
/// Points in time that RFC 3339 cannot write.
const BEYOND_DATE_TIME: &str =
    r"^(-?infinity|[0-9]{5,6}-[0-9]{2}-[0-9]{2}T.*|[0-9]{4,6}-[0-9]{2}-[0-9]{2}T.* BC)$";
/// Dates that RFC 3339 cannot write.
const BEYOND_DATE: &str = r"^(-?infinity|[0-9]{5,7}-[0-9]{2}-[0-9]{2}|[0-9]{4,7}-[0-9]{2}-[0-9]{2} BC)$";
const TIME: &str = r"^[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?$";
const BYTES: &str = r"^\\x([0-9a-f]{2})*$";
const NO_NUMBER: &str = "^(NaN|-?Infinity)$";

/// The part of a property's schema that limits its values. `pattern`, `format` and `maxLength`
/// speak of strings only, so that null passes them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shape {
    /// Absent where any JSON may stand.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    value_types: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    any_of: Vec<Form>,
}

/// One of the forms that a text may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    Format(&'static str),
    Pattern(&'static str),
}

impl Shape {
    /// The shape of a column's values in JSON.
    pub(super) fn of(kind: ValueKind, database_type: &str) -> Self {
        let name = types::parse(database_type);
        match kind {
            ValueKind::Number => number(&name.base),
            ValueKind::Boolean => Self::only("boolean"),
            ValueKind::Json if name.is_array => Self::only("array"),
            ValueKind::Json => Self::default(),
            ValueKind::Timestamp => Self { pattern: Some(TIMESTAMP), ..Self::only("string") },
            ValueKind::TimestampTz => either("date-time", BEYOND_DATE_TIME),
            ValueKind::Text | ValueKind::Verbatim if name.is_array => Self::only("string"),
            ValueKind::Text => {
                let bounded = matches!(name.base.as_str(), "character varying" | "character");
                let max_length = name.measures.parse().ok().filter(|_| bounded);
                Self { max_length, ..Self::only("string") }
            }
            ValueKind::Verbatim => verbatim(&name.base),
        }
    }

    /// Values of one type, or null.
    fn only(value_type: &'static str) -> Self {
        Self { value_types: Some(vec![value_type, "null"]), ..Self::default() }
    }
}

fn number(base: &str) -> Shape {
    if matches!(base, "smallint" | "integer" | "bigint") {
        return Shape::only("integer");
    }
    let value_types = Some(vec!["number", "string", "null"]);
    Shape { value_types, pattern: Some(NO_NUMBER), ..Shape::default() }
}

fn verbatim(base: &str) -> Shape {
    let text = Shape::only("string");
    match base {
        "uuid" => Shape { format: Some("uuid"), ..text },
        "date" => either("date", BEYOND_DATE),
        "time without time zone" => Shape { pattern: Some(TIME), ..text },
        "bytea" => Shape { pattern: Some(BYTES), ..text },
        _ => text,
    }
}

fn either(format: &'static str, beyond: &'static str) -> Shape {
    let any_of = vec![Form::Format(format), Form::Pattern(beyond)];
    Shape { any_of, ..Shape::only("string") }
}
