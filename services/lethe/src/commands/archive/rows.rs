//! Counting the records of a file without making anything of them.

/// Counts records as bytes pass by.
#[derive(Debug)]
pub(super) enum Rows {
    /// The objects in one array.
    Json { depth: u32, in_text: bool, escaped: bool, objects: u64 },
    /// The lines, a first one with names among them; a line end between quotes is none.
    Csv { in_quotes: bool, in_line: bool, lines: u64 },
}

impl Rows {
    /// Counts records of that format; `None` when it is none of ours.
    pub(super) fn of(format: &str) -> Option<Self> {
        match format {
            "json" => Some(Self::Json { depth: 0, in_text: false, escaped: false, objects: 0 }),
            "csv" => Some(Self::Csv { in_quotes: false, in_line: false, lines: 0 }),
            _ => None,
        }
    }

    /// Takes the next bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        match self {
            Self::Json { depth, in_text, escaped, objects } => {
                for &byte in bytes {
                    match byte {
                        _ if *escaped => *escaped = false,
                        b'\\' if *in_text => *escaped = true,
                        b'"' => *in_text = !*in_text,
                        _ if *in_text => {}
                        b'{' | b'[' => {
                            *objects += u64::from(byte == b'{' && *depth == 1);
                            *depth = depth.saturating_add(1);
                        }
                        b'}' | b']' => *depth = depth.saturating_sub(1),
                        _ => {}
                    }
                }
            }
            Self::Csv { in_quotes, in_line, lines } => {
                for &byte in bytes {
                    match byte {
                        b'"' => *in_quotes = !*in_quotes,
                        b'\n' if !*in_quotes => *lines += 1,
                        _ => {}
                    }
                    *in_line = byte != b'\n' || *in_quotes;
                }
            }
        }
    }

    /// How many records there were.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Json { objects, .. } => *objects,
            Self::Csv { in_line, lines, .. } => (lines + u64::from(*in_line)).saturating_sub(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(format: &str, text: &str) -> u64 {
        let count = |pieces: &[&[u8]]| {
            let mut rows = Rows::of(format).unwrap();
            pieces.iter().for_each(|piece| rows.take(piece));
            rows.count()
        };
        let whole = count(&[text.as_bytes()]);
        for at in 0..text.len() {
            let (head, tail) = text.as_bytes().split_at(at);
            assert_eq!(count(&[head, tail]), whole, "{text:?} cut at {at}");
        }
        whole
    }

    #[test]
    fn records_are_counted_whatever_is_in_them() {
        for (text, expected) in [
            ("[\n]\n", 0),
            ("[\n{\"a\":1}\n]\n", 1),
            ("[\n{\"a\":{\"b\":[{},{}]}},\n{\"a\":\"},{\\\"[\\\\\"}\n]\n", 2),
            ("[{},{},{}]", 3),
        ] {
            assert_eq!(count("json", text), expected, "{text}");
        }
        for (text, expected) in [
            ("", 0),
            ("id,name\r\n", 0),
            ("id,name\r\n1,Ada\r\n2,\"line\r\nline\"\"\n\"\r\n", 2),
            ("id\n1\n2", 2),
        ] {
            assert_eq!(count("csv", text), expected, "{text}");
        }
        assert!(Rows::of("xml").is_none());
    }
}
