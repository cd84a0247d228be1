//! A page as a browser's tokenizer sees it.

use std::cell::RefCell;

use html5ever::buffer_queue::BufferQueue;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

/// A piece of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Open(String, Vec<(String, String)>),
    Close(String),
    Text(String),
    Doctype,
}

#[derive(Default)]
struct Sink(RefCell<Vec<Piece>>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut pieces = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => {
                let raw = raw(&tag);
                pieces.push(piece(tag));
                return raw.map_or(TokenSinkResult::Continue, TokenSinkResult::RawData);
            }
            Token::CharacterTokens(text) => match pieces.last_mut() {
                Some(Piece::Text(before)) => before.push_str(&text),
                _ => pieces.push(Piece::Text(text.to_string())),
            },
            Token::DoctypeToken(_) => pieces.push(Piece::Doctype),
            Token::EOFToken => {}
            Token::CommentToken(_) => panic!("a comment"),
            Token::NullCharacterToken => panic!("a null character"),
            Token::ParseError(error) => panic!("{error}"),
        }
        TokenSinkResult::Continue
    }
}

fn raw(tag: &Tag) -> Option<RawKind> {
    match (tag.kind, &*tag.name) {
        (TagKind::StartTag, "style") => Some(RawKind::Rawtext),
        (TagKind::StartTag, "title") => Some(RawKind::Rcdata),
        _ => None,
    }
}

fn piece(tag: Tag) -> Piece {
    let attributes = tag.attrs.into_iter().map(|a| (a.name.local.to_string(), a.value.to_string()));
    match tag.kind {
        TagKind::StartTag => Piece::Open(tag.name.to_string(), attributes.collect()),
        TagKind::EndTag => Piece::Close(tag.name.to_string()),
    }
}

/// The pieces of a page; fails on whatever the standard calls a parse error.
pub fn pieces(page: &[u8]) -> Vec<Piece> {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(std::str::from_utf8(page).unwrap()));
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    assert!(matches!(tokenizer.feed(&input), html5ever::TokenizerResult::Done));
    tokenizer.end();
    tokenizer.sink.0.take()
}
