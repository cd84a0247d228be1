//! Characters that cannot be seen, made visible.
//!
//! A value, a name or a reason may hold characters that show nothing and yet change what a reader
//! believes to see: controls, marks that turn the direction of writing, spaces without width
//! (Unicode Technical Report 36, sections 2.5 and 2.6). They are shown as a mark of their own.
//! Joiners are left alone where scripts and emoji need them, as in IDNA (RFC 5892, appendix A).

use std::iter;

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text that shows itself.
    Plain(&'a str),
    /// A character that shows nothing by itself.
    Hidden(char),
}

/// Cuts a text into what can be seen and what cannot.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    let mut before = None;
    iter::from_fn(move || {
        let first = rest.chars().next()?;
        if is_hidden(before, first, rest.chars().nth(1)) {
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            before = None;
            return Some(Piece::Hidden(first));
        }
        let (plain, tail) = rest.split_at_checked(plain_length(rest, before)).unwrap_or((rest, ""));
        rest = tail;
        before = plain.chars().next_back();
        Some(Piece::Plain(plain))
    })
}

/// The controls of ASCII by their usual names; line ends and tabs, which are common, by arrows.
const CONTROLS: [&str; 32] = [
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "⇥", "↵", "VT", "FF", "CR", "SO", "SI",
    "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS",
    "US",
];

/// How a hidden character is shown: by its name where it has a short one, by its number otherwise.
pub(super) fn mark(hidden: char) -> String {
    let number = u32::from(hidden);
    let name = usize::try_from(number).ok().and_then(|at| CONTROLS.get(at)).copied();
    match name.or((hidden == '\u{7f}').then_some("DEL")) {
        Some(name) => name.to_owned(),
        None => format!("U+{number:04X}"),
    }
}

/// The text on one line with every hidden character replaced by its mark, for where no markup can be.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Plain(text) => shown.push_str(text),
            Piece::Hidden(hidden) => shown.push_str(&format!("[{}]", mark(hidden))),
        }
    }
    shown
}

/// The length of the longest beginning without a hidden character.
fn plain_length(text: &str, mut before: Option<char>) -> usize {
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if is_hidden(before, letter, letters.peek().map(|&(_, next)| next)) {
            return at;
        }
        before = Some(letter);
    }
    text.len()
}

fn is_hidden(before: Option<char>, letter: char, after: Option<char>) -> bool {
    match letter {
        ' '..='~' => false,
        // Between letters of scripts that write with joiners; the joiner also inside an emoji.
        '\u{200c}' => !before.zip(after).is_some_and(|(left, right)| joins(left) && joins(right)),
        '\u{200d}' => !before
            .zip(after)
            .is_some_and(|(left, right)| joins(left) && joins(right) || draws(left) && draws(right)),
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        // Soft hyphen, grapheme joiner, fillers of Hangul and Khmer, Mongolian selectors.
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => true,
        '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{ffa0}' => true,
        // Marks and overrides of direction, spaces without width, separators of lines.
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => true,
        // Formats of shorthand and music, tags, selectors without a use in text.
        '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => u32::from(letter) & 0xfffe == 0xfffe,
    }
}

/// Letters of scripts in which joiners shape the letters beside them.
fn joins(letter: char) -> bool {
    let arabic_and_syriac =
        matches!(letter, '\u{620}'..='\u{8ff}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}');
    let of_india_and_around =
        matches!(letter, '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17b3}');
    arabic_and_syriac || of_india_and_around
}

/// Symbols that joiners combine into one emoji.
fn draws(letter: char) -> bool {
    matches!(letter, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_would_deceive() {
        for (text, shown) in [
            ("invoice\u{202e}fdp.exe", "invoice[U+202E]fdp.exe"),
            ("pay\u{200b}pal\u{feff}", "pay[U+200B]pal[U+FEFF]"),
            ("a\0b\u{7f}\u{85}", "a[NUL]b[DEL][U+0085]"),
            ("two\r\nlines\t", "two[CR][↵]lines[⇥]"),
            ("\u{2066}isolated\u{2069}\u{3164}", "[U+2066]isolated[U+2069][U+3164]"),
            ("\u{e0041}\u{ffff}", "[U+E0041][U+FFFF]"),
            ("a\u{200d}b\u{200c}c\u{200d}", "a[U+200D]b[U+200C]c[U+200D]"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }

    #[test]
    fn leaves_what_people_write() {
        for text in [
            "",
            "Zoë O’Néill",
            "שלום עולם",
            "مرحبا",
            "می\u{200c}خواهم",
            "👩\u{200d}👩\u{200d}👧 ❤️\u{200d}🔥 👍🏽",
            "क्\u{200d}ष",
            "日本　語",
        ] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn loses_nothing() {
        let text = "\u{202e}a\0\0b ü\u{200d}";
        let again: String = pieces(text)
            .map(|piece| match piece {
                Piece::Plain(text) => text.to_owned(),
                Piece::Hidden(hidden) => hidden.to_string(),
            })
            .collect();
        assert_eq!(again, text);
    }
}
