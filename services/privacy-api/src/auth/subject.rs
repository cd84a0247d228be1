//! A token's subject as we may write it down.
//!
//! Most issuers use an opaque id. Some use an address or a name, which must reach neither the audit
//! log nor a message: such a subject is replaced by a keyed pseudonym, the same one every time.

use hmac::Mac as _;
use secrecy::SecretString;

use super::error::TokenError;
use crate::derive::{KeyFailure, PurposeKey};

/// The longest subject that is taken for an id.
const LONGEST: usize = 100;
/// As many bytes of the MAC as a pseudonym shows in hex.
const SHOWN_BYTES: usize = 16;

/// Makes subjects safe.
#[derive(Debug, Clone)]
pub(super) struct Subjects(PurposeKey);

impl Subjects {
    /// Pseudonyms under a key derived from `secret`.
    pub fn new(secret: &SecretString) -> Result<Self, KeyFailure> {
        PurposeKey::derive(secret, "lethe token subject v1").map(Self)
    }

    /// The subject if it is a plain id, else its pseudonym.
    pub fn safe(&self, subject: &str) -> Result<String, TokenError> {
        if plain(subject) {
            return Ok(subject.to_owned());
        }
        let mac = self.0.mac(&[subject.as_bytes()]).map_err(|_| TokenError::Claim("sub".to_owned()))?;
        let tag = mac.finalize().into_bytes();
        Ok(tag.iter().take(SHOWN_BYTES).fold("sub:".to_owned(), |text, byte| format!("{text}{byte:02x}")))
    }
}

/// Visible ASCII without `@`. A text that looks like a pseudonym is none of ours.
fn plain(subject: &str) -> bool {
    subject.len() <= LONGEST
        && !subject.starts_with("sub:")
        && subject.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_and_whatever_may_name_a_person_does_not() {
        let subjects = Subjects::new(&SecretString::from("0123456789abcdef0123456789abcdef")).unwrap();
        let other = Subjects::new(&SecretString::from("another secret another secret ab")).unwrap();
        for id in ["u1", "auth0|5f7c8ec7c33c6c004bbafe82", "018f6b1e-0000-7000-8000-000000000000"] {
            assert_eq!(subjects.safe(id).unwrap(), id);
        }
        let long = "a".repeat(101);
        for name in ["jane@example.com", "Jane Doe", "J\u{fc}rgen", "a\tb", &long, "sub:0123"] {
            let safe = subjects.safe(name).unwrap();
            assert!(safe.starts_with("sub:") && safe.len() == 36, "{safe}");
            assert_eq!(safe, subjects.safe(name).unwrap());
            assert_ne!(safe, other.safe(name).unwrap());
        }
    }
}
