//! Text of others on the page: escaped, its direction kept to itself, nothing hidden in it.

use std::fmt::Write as _;

use maud::{Escaper, PreEscaped, Render};

use crate::guide::visible::{Piece, mark, pieces, plain};

/// A name, a reason or a description inside a line of ours, isolated from the direction around it.
pub(super) struct Words<'a>(pub &'a str);

/// The text of a cell, whose element has a direction of its own.
pub(super) struct Value<'a>(pub &'a str);

/// Text where no markup can be, such as a title.
pub(super) struct Line<'a>(pub &'a str);

impl Render for Words<'_> {
    fn render_to(&self, page: &mut String) {
        page.push_str("<bdi>");
        push_visible(self.0, page);
        page.push_str("</bdi>");
    }
}

impl Render for Value<'_> {
    fn render_to(&self, page: &mut String) {
        push_visible(self.0, page);
    }
}

impl Render for Line<'_> {
    fn render_to(&self, page: &mut String) {
        push_escaped(&plain(self.0), page);
    }
}

fn push_visible(text: &str, page: &mut String) {
    for piece in pieces(text) {
        match piece {
            Piece::Plain(text) => push_escaped(text, page),
            Piece::Hidden(hidden) => {
                page.push_str("<i class=\"mark\">");
                page.push_str(&mark(hidden));
                page.push_str("</i>");
            }
        }
    }
}

fn push_escaped(text: &str, page: &mut String) {
    // Writing to a `String` cannot fail; the markup that comes of it is what counts.
    if Escaper::new(page).write_str(text).is_err() {
        page.push('\u{fffd}');
    }
}

/// Words joined by commas, each isolated.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> PreEscaped<String> {
    let mut markup = String::new();
    for (at, word) in words.into_iter().enumerate() {
        if at > 0 {
            markup.push_str(", ");
        }
        Words(word).render_to(&mut markup);
    }
    PreEscaped(markup)
}
