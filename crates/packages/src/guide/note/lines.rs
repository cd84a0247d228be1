//! Text broken into lines.

/// The most characters on a line.
const WIDTH: usize = 78;
/// Where the second half of a pair begins.
const INDENT: usize = 18;

/// A text in the making. Paragraphs are broken at spaces, and inside a word only where the word
/// alone is longer than a line.
#[derive(Default)]
pub(super) struct Lines {
    text: String,
    /// Whether the next block follows another one of its own kind without an empty line.
    after: Option<Block>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Heading,
    Paragraph,
    List,
}

impl Lines {
    /// The first line.
    pub(super) fn title(&mut self, title: &str) {
        self.line(title);
        self.line(&"=".repeat(title.chars().count()));
        self.after = Some(Block::Paragraph);
    }

    /// A heading, underlined.
    pub(super) fn heading(&mut self, heading: &str) {
        self.line("");
        self.open(Block::Heading);
        self.line(heading);
        self.line(&"-".repeat(heading.chars().count()));
    }

    /// A paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.open(Block::Paragraph);
        self.wrap(text, "", "");
    }

    /// One of a list.
    pub(super) fn item(&mut self, text: &str) {
        self.open(Block::List);
        self.wrap(text, "  * ", "    ");
    }

    /// A name and what it stands for, side by side.
    pub(super) fn pair(&mut self, name: &str, value: &str) {
        self.open(Block::List);
        let lead = format!("  {name:<width$}", width = INDENT - 2);
        self.wrap(value, &lead, &" ".repeat(INDENT));
    }

    /// A part of the package and what it is, side by side.
    pub(super) fn entry(&mut self, path: &str, text: &str) {
        self.pair(path, text);
    }

    /// The text, its lines ended by CRLF.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    /// An empty line before a block, except between those of one list and below a heading.
    fn open(&mut self, block: Block) {
        let follows = match self.after {
            None | Some(Block::Heading) => true,
            Some(Block::List) => block == Block::List,
            Some(Block::Paragraph) => false,
        };
        if !follows {
            self.line("");
        }
        self.after = Some(block);
    }

    fn wrap(&mut self, text: &str, lead: &str, indent: &str) {
        let mut line = lead.to_owned();
        let mut used = lead.chars().count();
        let indented = indent.chars().count();
        let mut is_first = true;
        for word in text.split(' ').flat_map(|word| pieces(word, WIDTH - indented)) {
            let length = word.chars().count();
            if !is_first && used + 1 + length > WIDTH {
                self.line(&line);
                (line, used, is_first) = (indent.to_owned(), indented, true);
            }
            if !is_first {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
            is_first = false;
        }
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end_matches(' '));
        self.text.push_str("\r\n");
    }
}

/// The word, cut where it is longer than a line.
fn pieces(word: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(word);
    std::iter::from_fn(move || {
        let word = rest?;
        let cut = word.char_indices().nth(most).map_or(word.len(), |(at, _)| at);
        let (piece, tail) = word.split_at_checked(cut).unwrap_or((word, ""));
        rest = (!tail.is_empty()).then_some(tail);
        Some(piece)
    })
}
