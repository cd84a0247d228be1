//! What stands around the rows of a file, for files that are written in fragments.

use serde::{Deserialize, Serialize};

use super::column::{Column, Format};
use super::{csv, json};

/// Whether an encoder writes a file that is complete in itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// A whole file.
    #[default]
    Whole,
    /// Rows alone: JSON records with `,\n` between them, CSV lines without the header. A
    /// [`Frame`] makes a file of fragments laid end to end.
    Fragment,
}

/// The text that makes one file out of fragments: byte for byte the file that an encoder writes
/// whole for the same rows. Holds names of columns, never a value of a row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Frame {
    /// At the beginning.
    pub(crate) prologue: String,
    /// Before the first fragment, when there is one.
    pub(crate) lead: String,
    /// Between two fragments.
    pub(crate) separator: String,
    /// At the end.
    pub(crate) epilogue: String,
}

impl Frame {
    /// What stands around rows of these columns, the same that the encoder was given.
    #[must_use]
    pub fn new(format: Format, columns: &[Column]) -> Self {
        match format {
            Format::Json => Self {
                prologue: json::PROLOGUE.to_owned(),
                lead: json::LEAD.to_owned(),
                separator: json::SEPARATOR.to_owned(),
                epilogue: json::EPILOGUE.to_owned(),
            },
            Format::Csv => Self { prologue: csv::header(columns), ..Self::default() },
        }
    }
}
