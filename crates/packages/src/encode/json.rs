//! One row as one JSON record on a line of its own.
//!
//! A file is `[`, then per record a line end and the record, records separated by commas, then
//! `\n]\n`. Without records it is `[\n]\n`. Every record is one line, so the file can be read
//! line by line as well as whole.

use memchr::memchr;

use super::cell::{BadEscape, NULL, unescape};
use super::column::{Column, Format, ValueKind};
use super::scan::plain_in_json;
use super::timestamp::push_iso;

pub(super) const PROLOGUE: &str = "[";
/// Before the first record.
pub(super) const LEAD: &str = "\n";
/// Between two records.
pub(super) const SEPARATOR: &str = ",\n";
pub(super) const EPILOGUE: &str = "\n]\n";

/// The fixed text of a record, rendered once: what stands before each column's value.
#[derive(Debug)]
pub(super) struct JsonLayout {
    /// Per column of the COPY: its key and its kind, or nothing where it is not part of the JSON.
    fields: Vec<Option<Field>>,
    is_empty: bool,
}

#[derive(Debug)]
struct Field {
    /// `,"name":`; the first one begins with [`SEPARATOR`] and `{` instead of the comma.
    lead: Vec<u8>,
    kind: ValueKind,
}

impl JsonLayout {
    pub(super) fn new(columns: &[Column]) -> Self {
        let mut first = true;
        let fields: Vec<_> = columns
            .iter()
            .map(|column| {
                column.formats.includes(Format::Json).then(|| {
                    let mut lead = Vec::from(if first { ",\n{" } else { "," });
                    first = false;
                    push_name(&column.name, &mut lead);
                    Field { lead, kind: column.kind }
                })
            })
            .collect();
        Self { fields, is_empty: first }
    }

    /// Appends one record behind [`SEPARATOR`], of which the first `skip` bytes are left out.
    pub(super) fn push_row<'a>(
        &self,
        cells: impl Iterator<Item = &'a [u8]>,
        mut skip: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), BadEscape> {
        if self.is_empty {
            out.extend_from_slice(b",\n{".get(skip..).unwrap_or_default());
        }
        for (field, cell) in self.fields.iter().zip(cells) {
            let Some(field) = field else { continue };
            out.extend_from_slice(field.lead.get(skip..).unwrap_or_default());
            skip = 0;
            push_value(field.kind, cell, out)?;
        }
        out.push(b'}');
        Ok(())
    }
}

/// Appends `"name":`.
fn push_name(name: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in name.as_bytes() {
        push_escaped(byte, out);
    }
    out.extend_from_slice(b"\":");
}

#[inline]
fn push_value(kind: ValueKind, cell: &[u8], out: &mut Vec<u8>) -> Result<(), BadEscape> {
    if cell == NULL {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match kind {
        // NaN and the infinities end in a letter.
        ValueKind::Number => match (cell.first(), cell.last()) {
            (Some(b'-' | b'0'..=b'9'), Some(b'0'..=b'9')) => out.extend_from_slice(cell),
            _ => return push_string(cell, out),
        },
        ValueKind::Boolean => match cell {
            b"t" => out.extend_from_slice(b"true"),
            b"f" => out.extend_from_slice(b"false"),
            _ => return push_string(cell, out),
        },
        ValueKind::Json => return push_embedded(cell, out),
        ValueKind::Timestamp | ValueKind::TimestampTz => {
            out.push(b'"');
            if !push_iso(cell, out) {
                out.pop();
                return push_string(cell, out);
            }
            out.push(b'"');
        }
        ValueKind::Text | ValueKind::Verbatim => return push_string(cell, out),
    }
    Ok(())
}

/// Appends the cell as a JSON string. Valid UTF-8 stays as it is; only what JSON forbids is escaped.
fn push_string(cell: &[u8], out: &mut Vec<u8>) -> Result<(), BadEscape> {
    out.push(b'"');
    let mut rest = cell;
    loop {
        let (plain, tail) = rest.split_at_checked(plain_in_json(rest)).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        rest = match tail {
            [] => break,
            [b'\\', code, tail @ ..] => {
                push_escaped(unescape(*code)?, out);
                tail
            }
            [b'\\'] => return Err(BadEscape),
            [byte, tail @ ..] => {
                push_escaped(*byte, out);
                tail
            }
        };
    }
    out.push(b'"');
    Ok(())
}

fn push_escaped(byte: u8, out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\t' => out.extend_from_slice(b"\\t"),
        b'\r' => out.extend_from_slice(b"\\r"),
        0x08 => out.extend_from_slice(b"\\b"),
        0x0c => out.extend_from_slice(b"\\f"),
        0..0x20 => {
            let low = HEX.get(usize::from(byte & 0x0f)).copied().unwrap_or(b'0');
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[b'0' + (byte >> 4), low]);
        }
        _ => out.push(byte),
    }
}

/// Appends JSON that the server has validated. The `json` type keeps the writer's line ends and
/// tabs between tokens; they are dropped so that a record stays on its line. Inside strings JSON
/// allows no raw control character, so nothing of a value is lost.
fn push_embedded(cell: &[u8], out: &mut Vec<u8>) -> Result<(), BadEscape> {
    let mut rest = cell;
    while let Some(at) = memchr(b'\\', rest) {
        let (plain, tail) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let [_, code, tail @ ..] = tail else {
            return Err(BadEscape);
        };
        let byte = unescape(*code)?;
        if byte >= 0x20 {
            out.push(byte);
        }
        rest = tail;
    }
    out.extend_from_slice(rest);
    Ok(())
}
