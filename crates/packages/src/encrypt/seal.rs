//! Sealing the passphrase of a request for the worker that will need it, and nobody else.
//!
//! AES-256-GCM under a key that is derived per organisation (HKDF-SHA-256, RFC 5869) from a key ring
//! that the API and the export worker share. What is sealed for one job opens for no other.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use thiserror::Error;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::link::KeyRing;

/// The form of what is sealed; changes with the rules of this file.
const FORM: u8 = 1;
const SEAL_PURPOSE: &str = "lethe job secret key v1";
const TAG_PURPOSE: &str = "lethe request tag key v1";
const PSEUDONYM_PURPOSE: &str = "lethe pseudonym key v1";

/// What a secret is sealed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedFor<'a> {
    /// The organisation that the job is of, by its id.
    pub organisation: &'a str,
    /// The job.
    pub job_id: Uuid,
}

/// Why a secret cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// The key it was sealed with is not in the ring, or no longer.
    #[error("it was sealed with a key that is not known")]
    UnknownKey,
    /// It was changed, or sealed for another job.
    #[error("it is not what was sealed for this job")]
    Tampered,
    /// The system's cryptography failed.
    #[error("it could not be sealed")]
    Unsealable,
}

impl KeyRing {
    /// Seals a secret with the active key.
    ///
    /// # Errors
    /// [`SealError::Unsealable`] when the system gives no random numbers.
    pub fn seal(&self, target: SealedFor<'_>, secret: &SecretString) -> Result<Vec<u8>, SealError> {
        let (key_id, key) = self.active_secret().ok_or(SealError::UnknownKey)?;
        let key = sealing_key(key, target)?;
        let mut content =
            Zeroizing::new(Vec::with_capacity(secret.expose_secret().len() + AES_256_GCM.tag_len()));
        content.extend_from_slice(secret.expose_secret().as_bytes());
        let nonce = key
            .seal_in_place_append_tag(bound_to(target), &mut *content)
            .map_err(|_| SealError::Unsealable)?;
        let id_length = u8::try_from(key_id.len()).map_err(|_| SealError::Unsealable)?;
        let mut sealed = vec![FORM, id_length];
        sealed.extend_from_slice(key_id.as_bytes());
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&content);
        Ok(sealed)
    }

    /// Opens what [`KeyRing::seal`] sealed for the same target, with whichever key of the ring it was.
    ///
    /// # Errors
    /// When its key is not known, or it is not what was sealed.
    pub fn open(&self, target: SealedFor<'_>, sealed: &[u8]) -> Result<SecretString, SealError> {
        let (key_id, nonce, content) = parts(sealed).ok_or(SealError::Tampered)?;
        let key = sealing_key(self.secret(key_id).ok_or(SealError::UnknownKey)?, target)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Tampered)?;
        let mut content = Zeroizing::new(content.to_vec());
        let opened = key.open_in_place(nonce, bound_to(target), content.as_mut_slice());
        let opened = opened.map_err(|_| SealError::Tampered)?;
        let text = std::str::from_utf8(opened).map_err(|_| SealError::Tampered)?;
        Ok(SecretString::from(text))
    }

    /// A tag over `content` that nobody without the ring can compute: what stands in the place of a
    /// hash where the content holds a secret, which a hash would let be guessed.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] when the active key is missing, which [`KeyRing::new`] rules out.
    pub fn tag(&self, organisation: &str, content: &[u8]) -> Result<[u8; 32], SealError> {
        let (_, secret) = self.active_secret().ok_or(SealError::UnknownKey)?;
        let key = derived(secret, TAG_PURPOSE, organisation)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).map_err(|_| SealError::Unsealable)?;
        mac.update(content);
        Ok(mac.finalize().into_bytes().into())
    }
}

impl KeyRing {
    /// The key of one organisation's pseudonyms: equal values of an organisation get equal pseudonyms
    /// for as long as the active key is the same, and those of another organisation get others.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] when the active key is missing, which [`KeyRing::new`] rules out.
    pub fn pseudonym_key(&self, organisation: &str) -> Result<Zeroizing<[u8; 32]>, SealError> {
        let (_, secret) = self.active_secret().ok_or(SealError::UnknownKey)?;
        derived(secret, PSEUDONYM_PURPOSE, organisation)
    }
}

fn sealing_key(secret: &SecretString, target: SealedFor<'_>) -> Result<RandomizedNonceKey, SealError> {
    let key = derived(secret, SEAL_PURPOSE, target.organisation)?;
    RandomizedNonceKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| SealError::Unsealable)
}

fn derived(
    secret: &SecretString,
    purpose: &str,
    organisation: &str,
) -> Result<Zeroizing<[u8; 32]>, SealError> {
    let mut key = Zeroizing::new([0; 32]);
    let derivation = Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes());
    derivation
        .expand_multi_info(&[purpose.as_bytes(), b"\n", organisation.as_bytes()], key.as_mut_slice())
        .map_err(|_| SealError::Unsealable)?;
    Ok(key)
}

/// What is authenticated beside the content. The job's id has a fixed length, so that no two targets
/// are written alike.
fn bound_to(target: SealedFor<'_>) -> Aad<Vec<u8>> {
    let mut bound = vec![FORM];
    bound.extend_from_slice(target.job_id.as_bytes());
    bound.extend_from_slice(target.organisation.as_bytes());
    Aad::from(bound)
}

/// Key id, nonce, and encrypted content.
fn parts(sealed: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let (&form, rest) = sealed.split_first()?;
    let (&id_length, rest) = rest.split_first()?;
    let (key_id, rest) = rest.split_at_checked(usize::from(id_length))?;
    let (nonce, content) = rest.split_at_checked(NONCE_LEN)?;
    (form == FORM).then_some((std::str::from_utf8(key_id).ok()?, nonce, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(active: &str, ids: &[&str]) -> KeyRing {
        let key = |id: &&str| ((*id).to_owned(), SecretString::from(format!("{id} {}", "x".repeat(32))));
        KeyRing::new(active, ids.iter().map(key)).unwrap()
    }

    #[test]
    fn what_is_sealed_for_one_job_opens_for_it_alone() {
        let old = ring("k1", &["k1"]);
        let target = SealedFor { organisation: "acme", job_id: Uuid::from_u128(1) };
        let secret = SecretString::from("correct horse battery");
        let sealed = old.seal(target, &secret).unwrap();
        assert_ne!(sealed, old.seal(target, &secret).unwrap(), "a nonce of its own each time");
        let rotated = ring("k2", &["k1", "k2"]);
        assert_eq!(rotated.open(target, &sealed).unwrap().expose_secret(), "correct horse battery");
        for other in [
            SealedFor { job_id: Uuid::from_u128(2), ..target },
            SealedFor { organisation: "globex", ..target },
        ] {
            assert_eq!(old.open(other, &sealed).unwrap_err(), SealError::Tampered);
        }
        assert_eq!(ring("k2", &["k2"]).open(target, &sealed).unwrap_err(), SealError::UnknownKey);
    }

    #[test]
    fn no_byte_can_be_changed_or_lost() {
        let ring = ring("k1", &["k1"]);
        let target = SealedFor { organisation: "acme", job_id: Uuid::from_u128(1) };
        let sealed = ring.seal(target, &SecretString::from("correct horse battery")).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(ring.open(target, &changed).is_err(), "byte {at}");
            assert!(ring.open(target, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_tag_depends_on_ring_organisation_and_content() {
        let (one, other) = (ring("k1", &["k1"]), ring("k2", &["k2"]));
        let tag = one.tag("acme", b"body").unwrap();
        assert_eq!(tag, one.tag("acme", b"body").unwrap());
        for different in [one.tag("acme", b"bodz"), one.tag("globex", b"body"), other.tag("acme", b"body")] {
            assert_ne!(tag, different.unwrap());
        }
    }

    #[test]
    fn pseudonyms_of_two_organisations_have_two_keys() {
        let (one, other) = (ring("k1", &["k1"]), ring("k2", &["k2"]));
        let key = one.pseudonym_key("acme").unwrap();
        assert_eq!(key, one.pseudonym_key("acme").unwrap());
        for different in [one.pseudonym_key("globex"), one.pseudonym_key("acm"), other.pseudonym_key("acme")]
        {
            assert_ne!(key, different.unwrap());
        }
        let (_, secret) = one.active_secret().unwrap();
        for purpose in [SEAL_PURPOSE, TAG_PURPOSE] {
            assert_ne!(key, derived(secret, purpose, "acme").unwrap(), "{purpose}");
        }
    }
}
