//! Keys of this service, derived from the one secret it is given (RFC 5869).
//!
//! Each purpose has a key of its own, so that what one signs can never pass for another's.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A key for one purpose.
#[derive(Clone)]
pub struct PurposeKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for PurposeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PurposeKey")
    }
}

/// A key could not be derived or used; cannot happen with keys of 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key could not be derived")]
pub struct KeyFailure;

impl PurposeKey {
    /// The key for `purpose`.
    ///
    /// # Errors
    /// [`KeyFailure`], which a key of 32 bytes rules out.
    pub fn derive(secret: &SecretString, purpose: &str) -> Result<Self, KeyFailure> {
        let mut key = Zeroizing::new([0; 32]);
        let derivation = Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes());
        derivation.expand(purpose.as_bytes(), key.as_mut_slice()).map_err(|_| KeyFailure)?;
        Ok(Self(key))
    }

    /// A MAC over parts whose boundaries count.
    ///
    /// # Errors
    /// [`KeyFailure`], which a key of 32 bytes rules out.
    pub fn mac(&self, parts: &[&[u8]]) -> Result<Hmac<Sha256>, KeyFailure> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).map_err(|_| KeyFailure)?;
        for part in parts {
            let length = u64::try_from(part.len()).map_err(|_| KeyFailure)?;
            mac.update(&length.to_be_bytes());
            mac.update(part);
        }
        Ok(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_boundaries_make_a_difference() {
        let secret = SecretString::from("0123456789abcdef0123456789abcdef");
        let key = |purpose| PurposeKey::derive(&secret, purpose).unwrap();
        let tag = |key: PurposeKey, parts: &[&[u8]]| key.mac(parts).unwrap().finalize().into_bytes();
        assert_ne!(tag(key("a"), &[b"x"]), tag(key("b"), &[b"x"]));
        assert_ne!(tag(key("a"), &[b"x", b"y"]), tag(key("a"), &[b"xy"]));
        assert_eq!(format!("{:?}", key("a")), "PurposeKey");
    }
}
