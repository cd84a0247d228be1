//! One row as one CSV line: RFC 4180, CRLF line ends, NULL as nothing and '' as `""`, as COPY does
//! (and, as with COPY, the NULL of a file with a single column is an empty line).
//!
//! Text that a spreadsheet would run as a formula is neutralised (OWASP, "CSV Injection"): a cell
//! that begins with any number of single quotes and then one of `= + - @`, tab, CR, LF or the
//! full-width forms of the first four gets one more single quote in front. Whoever wants the
//! original strips one single quote from every cell that begins with at least one and goes on so.

use memchr::memchr2;

use super::cell::{BadEscape, NULL, unescape};
use super::column::{Column, Format, ValueKind};
use super::scan::plain_in_csv;

/// Which columns appear in the CSV and which of them need their formulas neutralised.
#[derive(Debug)]
pub(super) struct CsvLayout {
    fields: Vec<Field>,
    header: String,
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Absent,
    Plain,
    Neutralised,
}

impl CsvLayout {
    pub(super) fn new(columns: &[Column]) -> Self {
        let fields = columns.iter().map(|column| match (column.formats.includes(Format::Csv), column.kind) {
            (false, _) => Field::Absent,
            (true, ValueKind::Text) => Field::Neutralised,
            (true, _) => Field::Plain,
        });
        Self { fields: fields.collect(), header: header(columns) }
    }

    /// The header line.
    pub(super) fn header(&self) -> &[u8] {
        self.header.as_bytes()
    }

    /// Appends one line and adds to `neutralised` per column the cells that were changed.
    pub(super) fn push_row<'a>(
        &self,
        cells: impl Iterator<Item = &'a [u8]>,
        neutralised: &mut [u64],
        out: &mut Vec<u8>,
    ) -> Result<(), BadEscape> {
        let mut is_first = true;
        for ((field, cell), count) in self.fields.iter().zip(cells).zip(neutralised) {
            if matches!(field, Field::Absent) {
                continue;
            }
            if !is_first {
                out.push(b',');
            }
            is_first = false;
            if matches!(field, Field::Neutralised) && cell != NULL && is_formula(cell) {
                *count += 1;
                push_quoted(b"'", cell, out)?;
            } else {
                push_cell(cell, out)?;
            }
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }
}

/// The header line of a file with these columns.
pub(super) fn header(columns: &[Column]) -> String {
    let names: Vec<String> = columns
        .iter()
        .filter(|column| column.formats.includes(Format::Csv))
        .map(|column| match column.name.contains(['"', ',', '\r', '\n']) {
            true => format!("\"{}\"", column.name.replace('"', "\"\"")),
            false => column.name.clone(),
        })
        .collect();
    let mut header = names.join(",");
    header.push_str("\r\n");
    header
}

#[inline]
fn push_cell(cell: &[u8], out: &mut Vec<u8>) -> Result<(), BadEscape> {
    if plain_in_csv(cell) < cell.len() {
        return match cell == NULL {
            true => Ok(()),
            false => push_quoted(b"", cell, out),
        };
    }
    match cell.is_empty() {
        true => out.extend_from_slice(b"\"\""),
        false => out.extend_from_slice(cell),
    }
    Ok(())
}

fn push_quoted(mark: &[u8], cell: &[u8], out: &mut Vec<u8>) -> Result<(), BadEscape> {
    out.push(b'"');
    out.extend_from_slice(mark);
    let mut rest = cell;
    while let Some(at) = memchr2(b'"', b'\\', rest) {
        let (plain, tail) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        rest = match tail {
            [b'\\', code, tail @ ..] => {
                out.push(unescape(*code)?);
                tail
            }
            [b'"', tail @ ..] => {
                out.extend_from_slice(b"\"\"");
                tail
            }
            _ => return Err(BadEscape),
        };
    }
    out.extend_from_slice(rest);
    out.push(b'"');
    Ok(())
}

/// Whether the cell, still escaped as COPY wrote it, would begin a formula.
#[inline]
fn is_formula(cell: &[u8]) -> bool {
    match cell {
        [b'=' | b'+' | b'-' | b'@', ..] => true,
        [b'\\', code, ..] => matches!(code, b't' | b'r' | b'n'),
        [b'\'', rest @ ..] => is_formula_after_quotes(rest),
        // U+FF1D, U+FF0B, U+FF0D and U+FF20.
        [0xef, 0xbc, last, ..] => matches!(last, 0x9d | 0x8b | 0x8d | 0xa0),
        _ => false,
    }
}

fn is_formula_after_quotes(mut cell: &[u8]) -> bool {
    while let [b'\'', rest @ ..] = cell {
        cell = rest;
    }
    is_formula(cell)
}
