//! Splits the COPY stream into rows and cells and hands them to the formats.

use memchr::{memchr, memchr_iter};

use super::cell::BadEscape;
use super::column::Column;
use super::csv::CsvLayout;
use super::error::EncodeError;
use super::frame::Framing;
use super::json::{EPILOGUE, JsonLayout, LEAD, PROLOGUE, SEPARATOR};

/// Where encoded bytes go; a format without a buffer is not written.
///
/// Give the same choice of buffers at every call for one encoder.
#[derive(Debug, Default)]
pub struct Outputs<'a> {
    /// Receives JSON.
    pub json: Option<&'a mut Vec<u8>>,
    /// Receives CSV.
    pub csv: Option<&'a mut Vec<u8>>,
}

/// What an encoder counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncodedRows {
    /// How many rows were written, to each format.
    pub rows: u64,
    /// Per column, in the order given, how many CSV cells had a formula neutralised.
    pub neutralised_cells: Vec<u64>,
}

/// Encodes the rows of one COPY. Call [`begin`](Self::begin) once, [`push`](Self::push) for every
/// chunk, [`finish`](Self::finish) once.
#[derive(Debug)]
pub struct RowEncoder {
    json: JsonLayout,
    csv: CsvLayout,
    framing: Framing,
    counted: EncodedRows,
    /// The beginning of a row whose end has not arrived.
    carry: Vec<u8>,
    /// The end of every cell of the row in hand; kept to be reused.
    ends: Vec<usize>,
}

impl RowEncoder {
    /// An encoder for rows of these columns, in the order of the SELECT list, that writes whole
    /// files.
    ///
    /// # Errors
    /// When there are no columns.
    pub fn new(columns: &[Column]) -> Result<Self, EncodeError> {
        if columns.is_empty() {
            return Err(EncodeError::NoColumns);
        }
        Ok(Self {
            json: JsonLayout::new(columns),
            csv: CsvLayout::new(columns),
            framing: Framing::Whole,
            counted: EncodedRows { rows: 0, neutralised_cells: vec![0; columns.len()] },
            carry: Vec::new(),
            ends: Vec::with_capacity(columns.len()),
        })
    }

    /// The same encoder, writing with this framing. To be chosen before the first call.
    #[must_use]
    pub const fn framed(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// How many rows were encoded so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.counted.rows
    }

    /// Writes what stands before the first row.
    pub fn begin(&self, out: &mut Outputs<'_>) {
        if self.framing == Framing::Fragment {
            return;
        }
        if let Some(json) = out.json.as_deref_mut() {
            json.extend_from_slice(PROLOGUE.as_bytes());
        }
        if let Some(csv) = out.csv.as_deref_mut() {
            csv.extend_from_slice(self.csv.header());
        }
    }

    /// Encodes the rows that end in `chunk`, and keeps the beginning of the next one. Chunks may
    /// be cut anywhere.
    ///
    /// # Errors
    /// When a row is malformed; the buffers then hold part of it and must be discarded.
    pub fn push(&mut self, chunk: &[u8], out: &mut Outputs<'_>) -> Result<(), EncodeError> {
        let mut rest = chunk;
        while let Some(at) = memchr(b'\n', rest) {
            let (row, tail) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            rest = tail.get(1..).unwrap_or_default();
            if self.carry.is_empty() {
                self.push_row(row, out)?;
            } else {
                let mut carry = std::mem::take(&mut self.carry);
                carry.extend_from_slice(row);
                self.push_row(&carry, out)?;
                carry.clear();
                self.carry = carry;
            }
        }
        self.carry.extend_from_slice(rest);
        Ok(())
    }

    /// Writes what stands after the last row and answers what was counted.
    ///
    /// # Errors
    /// When the stream ended inside a row.
    pub fn finish(self, out: &mut Outputs<'_>) -> Result<EncodedRows, EncodeError> {
        if !self.carry.is_empty() {
            let row = self.counted.rows + 1;
            return Err(EncodeError::Truncated { row });
        }
        if let (Some(json), Framing::Whole) = (out.json.as_deref_mut(), self.framing) {
            json.extend_from_slice(EPILOGUE.as_bytes());
        }
        Ok(self.counted)
    }

    fn push_row(&mut self, row: &[u8], out: &mut Outputs<'_>) -> Result<(), EncodeError> {
        let number = self.counted.rows + 1;
        if std::str::from_utf8(row).is_err() {
            return Err(EncodeError::NotUtf8 { row: number });
        }
        self.ends.clear();
        self.ends.extend(memchr_iter(b'\t', row));
        self.ends.push(row.len());
        let (found, expected) = (self.ends.len(), self.counted.neutralised_cells.len());
        if found != expected {
            return Err(EncodeError::CellCount { row: number, found, expected });
        }
        self.push_cells(row, out).map_err(|BadEscape| EncodeError::Escape { row: number })?;
        self.counted.rows = number;
        Ok(())
    }

    fn push_cells(&mut self, row: &[u8], out: &mut Outputs<'_>) -> Result<(), BadEscape> {
        if let Some(json) = out.json.as_deref_mut() {
            let skip = match (self.counted.rows, self.framing) {
                (0, Framing::Whole) => SEPARATOR.len() - LEAD.len(),
                (0, Framing::Fragment) => SEPARATOR.len(),
                _ => 0,
            };
            self.json.push_row(cells(row, &self.ends), skip, json)?;
        }
        if let Some(csv) = out.csv.as_deref_mut() {
            let neutralised = &mut self.counted.neutralised_cells;
            self.csv.push_row(cells(row, &self.ends), neutralised, csv)?;
        }
        Ok(())
    }
}

fn cells<'a>(row: &'a [u8], ends: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut start = 0;
    ends.iter().map(move |&end| {
        let cell = row.get(start..end).unwrap_or_default();
        start = end + 1;
        cell
    })
}

#[cfg(test)]
mod tests;
