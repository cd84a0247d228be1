//! HMAC-SHA-256 out of the server's own `sha256`, so that values need not leave it.
//!
//! `HMAC(k, m) = H(k ⊕ opad ‖ H(k ⊕ ipad ‖ m))` (RFC 2104). The server is told the two padded keys,
//! as parameters, and of no other way to the key than that.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretBox};

/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// An organisation's key for pseudonyms, ready to be bound to a statement.
pub struct PseudonymKey {
    inner: SecretBox<[u8; BLOCK]>,
    outer: SecretBox<[u8; BLOCK]>,
}

impl PseudonymKey {
    /// From the organisation's key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let padded = |pad: u8| {
            let mut block = Box::new([pad; BLOCK]);
            block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
            SecretBox::new(block)
        };
        Self { inner: padded(0x36), outer: padded(0x5c) }
    }

    pub(crate) fn inner(&self) -> &[u8] {
        self.inner.expose_secret()
    }

    pub(crate) fn outer(&self) -> &[u8] {
        self.outer.expose_secret()
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PseudonymKey").finish_non_exhaustive()
    }
}

/// The digest of a `bytea` expression, which is NULL for NULL. `inner` and `outer` are the
/// placeholders of the padded keys.
pub(crate) fn hmac(message: &str, inner: &str, outer: &str) -> String {
    let hash = |pad: &str, text: &str| format!("pg_catalog.sha256({pad} OPERATOR(pg_catalog.||) {text})");
    hash(outer, &hash(inner, message))
}
