//! The COPY text format as far as a single cell goes.
//!
//! Source: PostgreSQL documentation, "COPY", section "Text Format".

/// How COPY writes NULL: exactly these two bytes, never as part of a value.
pub(crate) const NULL: &[u8] = b"\\N";

/// A backslash was followed by something that COPY never writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadEscape;

/// The byte that `\` followed by `code` stands for.
pub(crate) fn unescape(code: u8) -> Result<u8, BadEscape> {
    match code {
        b'\\' => Ok(b'\\'),
        b'n' => Ok(b'\n'),
        b't' => Ok(b'\t'),
        b'r' => Ok(b'\r'),
        b'b' => Ok(0x08),
        b'f' => Ok(0x0c),
        b'v' => Ok(0x0b),
        _ => Err(BadEscape),
    }
}
