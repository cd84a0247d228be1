//! Keyed digests: what is digested, and how the digest is spent.

use serde::{Deserialize, Serialize};

/// HMAC-SHA-256, or a function as good, under a key of one organisation: handed in, because this crate
/// has neither keys nor cryptography.
pub type Mac<'a> = dyn Fn(&[u8]) -> [u8; 32] + 'a;

/// The digests under one organisation's keys.
#[derive(Clone, Copy)]
pub struct Digests<'a> {
    /// What replacements are made of.
    pub mac: &'a Mac<'a>,
    /// By which a token is recognised, under a key of its own: whoever has that one can tell tokens
    /// from other values, and can make none of a value.
    pub check: &'a Mac<'a>,
}

/// What the tokens of a column depend on, and whether they can be told from other values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenForm {
    /// On the value alone. They cannot be told from other values of their form, so a token that is
    /// already in place is replaced too. Only erasures that were planned before there were others
    /// have this form: they end as they were planned.
    #[default]
    Plain,
    /// On the value alone, with a check. A token that is already in place stays.
    Checked,
    /// On the value and its row, with a check, so that equal values of two rows get different ones.
    CheckedByRow,
    /// On the value alone, with a check, as long as no other row has that token; else on the row too. What
    /// joined by equal values still joins, and whoever comes back with a value that was freed can be erased
    /// again. Only a statement can see what other rows have: nowhere else is this form given.
    CheckedUnlessTaken,
}

impl TokenForm {
    /// Whether a token can be told from other values, where the column has room for the check.
    #[must_use]
    pub fn has_check(self) -> bool {
        match self {
            Self::Plain => false,
            Self::Checked | Self::CheckedByRow | Self::CheckedUnlessTaken => true,
        }
    }

    /// Whether it depends on the row, whatever other rows have.
    #[must_use]
    pub fn by_row(self) -> bool {
        match self {
            Self::Plain | Self::Checked | Self::CheckedUnlessTaken => false,
            Self::CheckedByRow => true,
        }
    }

    /// Whether the row's key has to be known to make it.
    #[must_use]
    pub fn needs_row(self) -> bool {
        match self {
            Self::Plain | Self::Checked => false,
            Self::CheckedByRow | Self::CheckedUnlessTaken => true,
        }
    }
}

/// What a replacement may depend on besides the value.
#[derive(Clone, Copy)]
pub(crate) struct Keyed<'a> {
    pub digests: Digests<'a>,
    pub form: TokenForm,
    /// The primary key of the value's row, a text for each of its columns.
    pub row: &'a [String],
}

impl Keyed<'_> {
    /// The digest of a value, and of its row where the form asks for it: `value`, or
    /// `value ‖ 0 ‖ key ‖ 0 ‖ key …`, which is unambiguous because no text of PostgreSQL has a zero byte.
    pub(super) fn digest(&self, purpose: Use, value: &str) -> [u8; 32] {
        let mut message = value.as_bytes().to_vec();
        for part in self.row.iter().filter(|_| self.form.by_row()) {
            message.push(0);
            message.extend_from_slice(part.as_bytes());
        }
        digest(purpose, &message, self.digests.mac)
    }

    /// Sixteen bytes of which the last six are a check over the first ten.
    pub(super) fn checked(&self, head: [u8; HEAD]) -> [u8; TOKEN] {
        let check = (self.digests.check)(&head);
        let mut bytes = head.iter().chain(&check);
        std::array::from_fn(|_| bytes.next().copied().unwrap_or_default())
    }

    /// Whether these are such bytes.
    pub(super) fn recognises(&self, bytes: &[u8; TOKEN]) -> bool {
        bytes.first_chunk().is_some_and(|head| self.checked(*head) == *bytes)
    }
}

/// So many bytes of the digest are in a token with a check: 80 bits, less six in a UUID.
pub(super) const HEAD: usize = 10;
/// So many bytes a token with a check has.
pub(super) const TOKEN: usize = 16;

/// What a digest is for. Each use has its own label in the message, so that no digest of one use
/// can be recognised in another.
#[derive(Debug, Clone, Copy)]
pub(super) enum Use {
    Text,
    Uuid,
    Format,
    Stream,
}

impl Use {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Text => b"lethe/1/pseudonym/text\0",
            Self::Uuid => b"lethe/1/pseudonym/uuid\0",
            Self::Format => b"lethe/1/format\0",
            Self::Stream => b"lethe/1/stream\0",
        }
    }
}

/// The digest of `value` for one use: `mac(label ‖ 0 ‖ value)`.
pub(super) fn digest(purpose: Use, value: &[u8], mac: &Mac<'_>) -> [u8; 32] {
    mac(&[purpose.label(), value].concat())
}

/// Numbers without an end, all determined by the value and the key: sixteen of each block
/// `mac(label ‖ 0 ‖ digest of the value ‖ number of the block)`.
pub(super) struct Draws<'m> {
    seed: [u8; 32],
    next_block: u64,
    ready: std::vec::IntoIter<[u8; 2]>,
    mac: &'m Mac<'m>,
}

impl<'m> Draws<'m> {
    pub(super) fn of(value: &str, mac: &'m Mac<'m>) -> Self {
        let seed = digest(Use::Format, value.as_bytes(), mac);
        Self { seed, next_block: 0, ready: Vec::new().into_iter(), mac }
    }

    /// The next number below `bound`. Of 65,536 values the last few make the smaller results likelier
    /// by less than one in two thousand, which for bounds up to 26 nobody can use.
    pub(super) fn below(&mut self, bound: u8) -> u8 {
        let drawn = self.ready.next().unwrap_or_else(|| {
            let message = [self.seed.as_slice(), &self.next_block.to_be_bytes()].concat();
            self.next_block += 1;
            let block = digest(Use::Stream, &message, self.mac);
            self.ready = block.as_chunks::<2>().0.to_vec().into_iter();
            self.ready.next().unwrap_or_default()
        });
        u8::try_from(u16::from_be_bytes(drawn) % u16::from(bound)).unwrap_or_default()
    }

    /// A digit, at least `least`.
    pub(super) fn digit(&mut self, least: u8) -> char {
        char::from(b'0' + least + self.below(10 - least))
    }

    /// A small letter.
    pub(super) fn letter(&mut self) -> char {
        char::from(b'a' + self.below(26))
    }
}
