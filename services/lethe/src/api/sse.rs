//! Server-sent events, read as the standard has them (WHATWG HTML, 9.2.5 and 9.2.6).
//!
//! Bytes come in pieces of any size: a piece may end inside a letter, between CR and LF, or in the
//! middle of the mark at the beginning.

/// No line of ours is longer; whoever sends one is no API, and must not fill our memory.
const LONGEST_LINE_BYTES: usize = 4 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its type; `message` when it has none.
    pub name: String,
    /// What it says.
    pub data: String,
}

/// Makes events of bytes.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    /// Whether the first line is still to come.
    begun: bool,
    /// Whether the last byte was a CR, which an LF may follow.
    after_cr: bool,
    name: String,
    data: Option<String>,
    id: String,
    last_id: String,
}

/// A line that is longer than any event of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {LONGEST_LINE_BYTES} bytes")]
pub struct TooLong;

impl Parser {
    /// The id of the last event, to be sent as `Last-Event-ID`; empty when there is none.
    #[must_use]
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// Takes some bytes; the events that end with them.
    ///
    /// # Errors
    /// [`TooLong`] when a line does not end.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let follows_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if follows_cr => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ if self.line.len() >= LONGEST_LINE_BYTES => return Err(TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch();
        }
        let line = String::from_utf8_lossy(line);
        // A comment has nothing before its colon, and no field of that name is known.
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        self.take(field, value.strip_prefix(' ').unwrap_or(value));
        None
    }

    fn take(&mut self, field: &str, value: &str) {
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                None => self.data = Some(value.to_owned()),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
            },
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            // How long to wait before coming back is ours to decide: it grows.
            _ => {}
        }
    }

    fn dispatch(&mut self) -> Option<Event> {
        self.last_id.clone_from(&self.id);
        let name = std::mem::take(&mut self.name);
        let data = self.data.take().filter(|data| !data.is_empty())?;
        Some(Event { name: if name.is_empty() { "message".to_owned() } else { name }, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    fn read(pieces: &[&[u8]]) -> (Vec<Event>, String) {
        let mut parser = Parser::default();
        let events = pieces.iter().flat_map(|piece| parser.feed(piece).unwrap()).collect();
        (events, parser.last_id().to_owned())
    }

    #[test]
    fn fields_are_read_as_the_standard_has_them() {
        let cases: [(&str, &[Event], &str); 12] = [
            ("data: one\n\n", &[event("message", "one")], ""),
            ("data:one\ndata: two\ndata\n\n", &[event("message", "one\ntwo\n")], ""),
            ("event: end\nid: 7.0\ndata: {}\n\n", &[event("end", "{}")], "7.0"),
            (": comment\ndata: x\n: another\n\n", &[event("message", "x")], ""),
            ("data:  two spaces\n\n", &[event("message", " two spaces")], ""),
            ("retry: 2000\n\n: still here\n\n", &[], ""),
            ("event: lost\n\ndata: x\n\n", &[event("message", "x")], ""),
            ("id: 1\n\ndata: x\n\n", &[event("message", "x")], "1"),
            ("id: 1\ndata: x\n\nid\ndata: y\n\n", &[event("message", "x"), event("message", "y")], ""),
            ("id: 1\ndata: x\n\nid: a\0b\ndata: y\n\n", &[event("message", "x"), event("message", "y")], "1"),
            ("id: 2\ndata: the end is missing\n", &[], ""),
            ("dat: x\nDATA: y\ndata : z\n\n", &[], ""),
        ];
        for (text, events, id) in cases {
            assert_eq!(read(&[text.as_bytes()]), (events.to_vec(), id.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn a_stream_reads_the_same_wherever_it_is_cut_and_whatever_ends_its_lines() {
        let expected = (vec![event("chäñge", "ä\n€"), event("message", "𝄞")], "2.1".to_owned());
        for end in ["\n", "\r\n", "\r"] {
            let text = "\u{feff}event: chäñge\nid: 1.0\ndata: ä\ndata: €\n\n: here\n\ndata: 𝄞\nid: 2.1\n\n";
            let bytes = text.replace('\n', end).into_bytes();
            assert_eq!(read(&[&bytes]), expected, "{end:?}");
            for at in 0..=bytes.len() {
                let (head, tail) = bytes.split_at(at);
                assert_eq!(read(&[head, tail]), expected, "{end:?} cut at {at}");
            }
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(read(&single), expected, "{end:?} byte by byte");
        }
    }

    #[test]
    fn only_the_first_mark_is_no_letter() {
        let text = "\u{feff}data: x\n\n\u{feff}data: y\n\n";
        assert_eq!(read(&[text.as_bytes()]).0, [event("message", "x")]);
        assert_eq!(read(&[b"data: a\xFFb\n\n"]).0, [event("message", "a\u{fffd}b")]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut parser = Parser::default();
        assert_eq!(parser.feed(&vec![b'x'; LONGEST_LINE_BYTES + 1]), Err(TooLong));
    }
}
