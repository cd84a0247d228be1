//! Rows in PostgreSQL's text format for `COPY … FROM STDIN`.

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Datelike, Timelike};
use uuid::Uuid;

/// A buffer of rows, each cell written with the escapes that COPY demands.
///
/// The caller writes one cell per column and then [`end`](Self::end)s the row.
#[derive(Debug, Default)]
pub(crate) struct CopyText {
    buffer: BytesMut,
    mid_row: bool,
}

impl CopyText {
    /// An empty buffer with room for `size_bytes`.
    pub(crate) fn with_capacity(size_bytes: usize) -> Self {
        Self { buffer: BytesMut::with_capacity(size_bytes), mid_row: false }
    }

    /// Bytes waiting.
    pub(crate) fn size_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Hands out what was written; the memory comes back once the receiver is done with it.
    pub(crate) fn take(&mut self) -> Bytes {
        let full = self.buffer.split().freeze();
        self.buffer.reserve(full.len());
        full
    }

    /// Ends the row.
    pub(crate) fn end(&mut self) {
        self.raw(b"\n");
        self.mid_row = false;
    }

    /// Begins a cell whose text follows in [`piece`](Self::piece)s; nothing more means ''.
    pub(crate) fn open(&mut self) {
        if self.mid_row {
            self.raw(b"\t");
        }
        self.mid_row = true;
    }

    /// A piece of the open cell's text, escaped.
    pub(crate) fn piece(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let Some(place) = rest.iter().position(|&byte| escape(byte).is_some()) {
            let (plain, special) = rest.split_at(place);
            self.raw(plain);
            if let Some((&byte, tail)) = special.split_first() {
                self.raw(escape(byte).unwrap_or_default());
                rest = tail;
            }
        }
        self.raw(rest);
    }

    /// A piece of the open cell: `text` as a JSON string. For texts without control characters.
    pub(crate) fn json_piece(&mut self, text: &str) {
        self.piece("\"");
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(['"', '\\']) {
            let special = rest.get(before.len()..rest.len() - after.len()).unwrap_or_default();
            self.piece(before);
            self.piece("\\");
            self.piece(special);
            rest = after;
        }
        self.piece(rest);
        self.piece("\"");
    }

    /// A cell of text.
    pub(crate) fn text(&mut self, text: &str) {
        self.open();
        self.piece(text);
    }

    /// A cell that is NULL.
    pub(crate) fn null(&mut self) {
        self.open();
        self.raw(b"\\N");
    }

    /// A cell of text, or NULL.
    pub(crate) fn text_or_null(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.null(),
        }
    }

    /// A cell with a whole number.
    pub(crate) fn number(&mut self, number: u64) {
        self.open();
        self.digits(number, 1);
    }

    /// A cell with a whole number, or NULL.
    pub(crate) fn number_or_null(&mut self, number: Option<u64>) {
        match number {
            Some(number) => self.number(number),
            None => self.null(),
        }
    }

    /// A cell with `units` divided by ten to the power of `scale`.
    pub(crate) fn decimal(&mut self, units: u64, scale: u32) {
        self.open();
        let one = 10_u64.pow(scale);
        self.digits(units / one, 1);
        self.raw(b".");
        self.digits(units % one, scale);
    }

    /// A piece of the open cell: a number with at least `width` digits.
    pub(crate) fn digits(&mut self, mut number: u64, width: u32) {
        let mut reversed = [b'0'; 20];
        let mut used = 0;
        for (place, digit) in reversed.iter_mut().enumerate() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
            used = place + 1;
            if number == 0 && u32::try_from(used).is_ok_and(|used| used >= width) {
                break;
            }
        }
        let written = reversed.get_mut(..used).unwrap_or_default();
        written.reverse();
        self.buffer.extend_from_slice(written);
    }

    /// A cell that is true or false.
    pub(crate) fn boolean(&mut self, value: bool) {
        self.text(if value { "t" } else { "f" });
    }

    /// A cell with a UUID.
    pub(crate) fn uuid(&mut self, id: Uuid) {
        self.open();
        self.raw(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
    }

    /// A cell with a UUID, or NULL.
    pub(crate) fn uuid_or_null(&mut self, id: Option<Uuid>) {
        match id {
            Some(id) => self.uuid(id),
            None => self.null(),
        }
    }

    /// A cell of type `bytea`.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.open();
        self.raw(b"\\\\x");
        self.hex(bytes);
    }

    /// A piece of the open cell: bytes in hexadecimal.
    pub(crate) fn hex(&mut self, bytes: &[u8]) {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        for byte in bytes {
            for half in [byte >> 4, byte & 15] {
                self.raw(DIGITS.get(usize::from(half)..=usize::from(half)).unwrap_or_default());
            }
        }
    }

    /// A cell of type `timestamptz`, from microseconds since 1970.
    pub(crate) fn timestamptz(&mut self, micros: i64) {
        self.open();
        self.instant(micros);
        self.raw(b"+00");
    }

    /// A cell of type `timestamp`, from microseconds since 1970.
    pub(crate) fn timestamp(&mut self, micros: i64) {
        self.open();
        self.instant(micros);
    }

    /// A cell of type `date`: the day of `micros` in UTC.
    pub(crate) fn date(&mut self, micros: i64) {
        self.open();
        self.day(micros);
    }

    fn day(&mut self, micros: i64) {
        let day = DateTime::from_timestamp_micros(micros).unwrap_or_default().date_naive();
        self.digits(u64::try_from(day.year()).unwrap_or_default(), 4);
        self.raw(b"-");
        self.digits(u64::from(day.month()), 2);
        self.raw(b"-");
        self.digits(u64::from(day.day()), 2);
    }

    fn instant(&mut self, micros: i64) {
        let time = DateTime::from_timestamp_micros(micros).unwrap_or_default().time();
        self.day(micros);
        self.raw(b" ");
        self.digits(u64::from(time.hour()), 2);
        self.raw(b":");
        self.digits(u64::from(time.minute()), 2);
        self.raw(b":");
        self.digits(u64::from(time.second()), 2);
        self.raw(b".");
        self.digits(u64::from(time.nanosecond() / 1_000), 6);
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }
}

/// How a byte is written when it would otherwise end a cell or a row, or begin an escape.
///
/// Source: "Text Format" in PostgreSQL's reference page of COPY.
fn escape(byte: u8) -> Option<&'static [u8]> {
    match byte {
        b'\\' => Some(b"\\\\"),
        b'\t' => Some(b"\\t"),
        b'\n' => Some(b"\\n"),
        b'\r' => Some(b"\\r"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
