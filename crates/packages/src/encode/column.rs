//! What the encoder must know of a column to write its values.

use serde::{Deserialize, Serialize};

/// A format in which a collection can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One array of records, one record a line.
    Json,
    /// RFC 4180 with a header line.
    Csv,
}

impl Format {
    /// The file name extension, without the dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }
}

/// The set of formats that a column appears in, or that an export is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Formats {
    /// JSON and CSV.
    #[default]
    Both,
    /// JSON only: for a column, the JSON form of a value whose CSV form is another column.
    JsonOnly,
    /// CSV only: for a column, the CSV form of a value whose JSON form is another column.
    CsvOnly,
}

impl Formats {
    /// Whether `format` is in the set.
    #[must_use]
    pub const fn includes(self, format: Format) -> bool {
        match format {
            Format::Json => matches!(self, Self::Both | Self::JsonOnly),
            Format::Csv => matches!(self, Self::Both | Self::CsvOnly),
        }
    }
}

/// How the text that PostgreSQL prints for a value is to be written.
///
/// The session that runs the COPY must use `DateStyle = ISO`, `TimeZone = UTC` and
/// `client_encoding = UTF8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueKind {
    /// Integers, `numeric`, floats, `oid`. JSON: bare, except `NaN` and the infinities, which
    /// become strings as `to_json` makes them.
    Number,
    /// `boolean`. JSON: `true` or `false`. CSV: `t` or `f`, as COPY prints it.
    Boolean,
    /// `json`, `jsonb`, or any expression wrapped in `to_json(…)`. JSON: embedded on one line.
    Json,
    /// `timestamp`. JSON: `2024-01-02T03:04:05.123`, as `to_json` prints it.
    Timestamp,
    /// `timestamptz`. JSON: `2024-01-02T03:04:05.123+00:00`, as `to_json` prints it.
    TimestampTz,
    /// Text that a person may have written. JSON: a string. CSV: neutralised where a spreadsheet
    /// would read it as a formula.
    Text,
    /// Text whose shape the database guarantees: `uuid`, `date`, `interval`, `inet`, `bytea`,
    /// arrays, composites. JSON: a string. CSV: never neutralised, so `-1 days` stays itself.
    Verbatim,
}

/// A column of the COPY, in the order of its SELECT list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The key in JSON and the header in CSV.
    pub name: String,
    /// How its values are written.
    pub kind: ValueKind,
    /// The formats that it appears in.
    #[serde(default)]
    pub formats: Formats,
}

impl Column {
    /// A column that appears in both formats.
    pub fn new(name: impl Into<String>, kind: ValueKind) -> Self {
        Self { name: name.into(), kind, formats: Formats::Both }
    }

    /// The same column, appearing only in `formats`.
    #[must_use]
    pub fn only(self, formats: Formats) -> Self {
        Self { formats, ..self }
    }
}
