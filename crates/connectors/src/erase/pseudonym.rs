//! HMAC-SHA-256 out of the server's own `sha256`, so that values need not leave it.
//!
//! `HMAC(k, m) = H(k ⊕ opad ‖ H(k ⊕ ipad ‖ m))` (RFC 2104). The server is told the two padded keys,
//! as parameters, and of no other way to the key than that. By a third key, which is derived from it,
//! tokens are recognised: `H(k' ‖ the token's first ten bytes)`, one block of the function. Whoever only
//! verifies is told that one alone, and can make no token of a value.

use std::fmt;
use std::sync::Arc;

use domain::anonymise::Digests;
use secrecy::{ExposeSecret as _, SecretBox};
use sha2::{Digest as _, Sha256};

/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;
/// What the key for recognising is derived with.
const CHECK: &[u8] = b"lethe/1/pseudonym/check\0";

/// A key, or a padded one, that goes with a statement.
pub(crate) type Secret = Arc<SecretBox<Vec<u8>>>;

/// An organisation's key for pseudonyms, ready to be bound to a statement.
pub struct PseudonymKey {
    inner: Secret,
    outer: Secret,
    check: Secret,
}

impl PseudonymKey {
    /// From the organisation's key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let padded = |pad: u8| {
            let mut block = Box::new(vec![pad; BLOCK]);
            block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
            Arc::new(SecretBox::new(block))
        };
        let (inner, outer) = (padded(0x36), padded(0x5c));
        let check = hashed(&outer, &hashed(&inner, CHECK)).to_vec();
        Self { inner, outer, check: Arc::new(SecretBox::new(Box::new(check))) }
    }

    /// Does something with the digests as they are computed here, for values that have left the server.
    pub fn digesting<T>(&self, done: impl FnOnce(Digests<'_>) -> T) -> T {
        let mac = |message: &[u8]| hashed(&self.outer, &hashed(&self.inner, message));
        let check = |message: &[u8]| hashed(&self.check, message);
        done(Digests { mac: &mac, check: &check })
    }

    pub(crate) fn inner(&self) -> &[u8] {
        self.inner.expose_secret()
    }

    pub(crate) fn outer(&self) -> &[u8] {
        self.outer.expose_secret()
    }

    /// The key by which tokens are recognised.
    pub(crate) fn check(&self) -> &Secret {
        &self.check
    }
}

fn hashed(key: &Secret, message: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(key.expose_secret()).chain_update(message).finalize().into()
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PseudonymKey").finish_non_exhaustive()
    }
}

/// The digest of a `bytea` expression after a label, which is NULL for NULL. `inner` and `outer` are the
/// placeholders of the padded keys. What does not depend on the row stands together, so that the server
/// puts it together once.
pub(crate) fn hmac(label: &str, message: &str, (inner, outer): (&str, &str)) -> String {
    let label: String = label.bytes().chain([0]).map(|byte| format!("{byte:02x}")).collect();
    let labelled = format!("({inner} OPERATOR(pg_catalog.||) '\\x{label}'::pg_catalog.bytea)");
    let hash = |key: &str, text: &str| format!("pg_catalog.sha256({key} OPERATOR(pg_catalog.||) {text})");
    hash(outer, &hash(&labelled, message))
}
