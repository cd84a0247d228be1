//! One cell of the first rows.

use serde::{Deserialize, Serialize};

use crate::encode::{BadEscape, NULL, ValueKind, unescape};

/// Characters of a value that are kept.
const CHARACTERS: usize = 200;
/// Characters of JSON that are kept; it is read in the file, not here.
const JSON_CHARACTERS: usize = 120;
/// Bytes of binary data that are kept.
const BYTES: usize = 12;

/// A value cut to what is shown. Hidden characters are still in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PreviewCell {
    /// No value.
    Null,
    /// The whole value; may be empty.
    Text(String),
    /// The beginning of a longer value, and how many characters it has in all.
    Cut { start: String, characters: u64 },
    /// The beginning of binary data in hexadecimal digits, and its length.
    Bytes { start: String, size_bytes: u64 },
}

impl PreviewCell {
    /// Reads a cell as COPY writes it.
    pub(super) fn read(cell: &str, kind: ValueKind) -> Result<Self, BadEscape> {
        if cell.as_bytes() == NULL {
            return Ok(Self::Null);
        }
        if let Some(digits) = cell.strip_prefix(r"\\x")
            && kind == ValueKind::Verbatim
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        {
            return Ok(Self::bytes(digits));
        }
        match (kind, cell) {
            (ValueKind::Boolean, "t") => Ok(Self::Text("true".to_owned())),
            (ValueKind::Boolean, "f") => Ok(Self::Text("false".to_owned())),
            // Line ends between the tokens of JSON are no part of the value.
            (ValueKind::Json, _) => cut(cell, JSON_CHARACTERS, |letter| letter >= ' '),
            _ => cut(cell, CHARACTERS, |_| true),
        }
    }

    fn bytes(digits: &str) -> Self {
        let size_bytes = u64::try_from(digits.len() / 2).unwrap_or(u64::MAX);
        let start = digits.get(..2 * BYTES).unwrap_or(digits).to_owned();
        Self::Bytes { start, size_bytes }
    }

    /// How many bytes its text takes on a page, more or less.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Text(text) => text.len(),
            Self::Cut { start, .. } | Self::Bytes { start, .. } => start.len(),
        }
    }
}

/// Decodes a cell and keeps its first characters, of those that `counts` lets through.
fn cut(cell: &str, limit: usize, counts: impl Fn(char) -> bool) -> Result<PreviewCell, BadEscape> {
    let mut start = String::with_capacity(cell.len().min(limit));
    let mut characters = 0_u64;
    let mut kept = 0;
    let mut letters = cell.chars();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '\\' => char::from(unescape(
                letters.next().and_then(|code| u8::try_from(code).ok()).ok_or(BadEscape)?,
            )?),
            other => other,
        };
        if !counts(letter) {
            continue;
        }
        characters += 1;
        if kept < limit {
            start.push(letter);
            kept += 1;
        }
    }
    let is_whole = u64::try_from(limit).is_ok_and(|limit| characters <= limit);
    Ok(if is_whole { PreviewCell::Text(start) } else { PreviewCell::Cut { start, characters } })
}
