//! Keyed digests: what is digested, and how the digest is spent.

/// HMAC-SHA-256, or a function as good, under one organisation's key: handed in, because this crate
/// has neither keys nor cryptography.
pub type Mac<'a> = dyn Fn(&[u8]) -> [u8; 32] + 'a;

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
