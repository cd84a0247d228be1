//! The first rows of a collection, cut to what a person reads.

mod cell;

use std::fmt;

use memchr::memchr_iter;
use serde::{Deserialize, Serialize};

pub(super) use self::cell::PreviewCell;
use crate::encode::{Column, EncodeError, Format, ValueKind};

/// How many rows are kept.
const ROWS: usize = 20;

/// The first rows of a collection: at most 20, each cell cut to 200 characters, binary data and
/// JSON to less.
///
/// Its values are personal data. It may travel between steps as an object of the package store,
/// never in a step's result; `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    pub(super) columns: Vec<PreviewColumn>,
    pub(super) rows: Vec<Vec<PreviewCell>>,
}

/// A column of the rows shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PreviewColumn {
    pub name: String,
    pub kind: ValueKind,
}

/// Collects the first rows of a COPY beside the encoder.
///
/// Hand it rows until [`is_full`](Self::is_full); it keeps a few kilobytes, however long rows are.
pub struct FirstRows {
    /// Per cell of the COPY, how it is shown, or nothing where another cell shows its column.
    kinds: Vec<Option<ValueKind>>,
    preview: Preview,
}

impl FirstRows {
    /// For rows of these columns, in the order of the SELECT list. A column whose value comes
    /// twice, once per format, is shown once, as CSV has it.
    #[must_use]
    pub fn new(columns: &[Column]) -> Self {
        let has_twin = |column: &Column| {
            !column.formats.includes(Format::Csv)
                && columns
                    .iter()
                    .any(|other| other.name == column.name && other.formats.includes(Format::Csv))
        };
        let kinds: Vec<_> = columns.iter().map(|column| (!has_twin(column)).then_some(column.kind)).collect();
        let shown = columns.iter().zip(&kinds).filter(|(_, kind)| kind.is_some());
        let columns = shown.map(|(column, _)| PreviewColumn { name: column.name.clone(), kind: column.kind });
        Self { preview: Preview { columns: columns.collect(), rows: Vec::new() }, kinds }
    }

    /// Whether it has all the rows that it keeps.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.preview.rows.len() >= ROWS
    }

    /// Takes one row as COPY writes it, with or without its line end. Rows after the last one kept
    /// are not looked at.
    ///
    /// # Errors
    /// When the row is malformed, as the encoder would say.
    pub fn push(&mut self, row: &[u8]) -> Result<(), EncodeError> {
        if self.is_full() {
            return Ok(());
        }
        let number = u64::try_from(self.preview.rows.len()).unwrap_or(u64::MAX).saturating_add(1);
        let row = row.strip_suffix(b"\n").unwrap_or(row);
        let row = std::str::from_utf8(row).map_err(|_| EncodeError::NotUtf8 { row: number })?;
        let (found, expected) = (memchr_iter(b'\t', row.as_bytes()).count() + 1, self.kinds.len());
        if found != expected {
            return Err(EncodeError::CellCount { row: number, found, expected });
        }
        let cells = row.split('\t').zip(&self.kinds).filter_map(|(cell, kind)| kind.map(|kind| (cell, kind)));
        let shown: Result<_, _> = cells.map(|(cell, kind)| PreviewCell::read(cell, kind)).collect();
        self.preview.rows.push(shown.map_err(|_| EncodeError::Escape { row: number })?);
        Ok(())
    }

    /// What was collected.
    #[must_use]
    pub fn into_preview(self) -> Preview {
        self.preview
    }
}

impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (columns, rows) = (self.columns.len(), self.rows.len());
        f.debug_struct("Preview").field("columns", &columns).field("rows", &rows).finish_non_exhaustive()
    }
}

impl fmt::Debug for FirstRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FirstRows").field(&self.preview).finish()
    }
}

#[cfg(test)]
mod tests;
