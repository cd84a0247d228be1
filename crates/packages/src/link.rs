//! Download links that we sign ourselves, for stores that cannot sign any.
//!
//! A link is good for one package, one file name and a while. Its key is derived per organisation
//! (HKDF-SHA-256, RFC 5869), so a key that leaks opens one organisation's packages. There is no
//! clock in here: the time is an argument.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use thiserror::Error;
use uuid::Uuid;
use zeroize::Zeroizing;

/// How long a link is good for when nothing else is configured: 24 hours.
pub const LINK_VALIDITY: Duration = Duration::from_secs(24 * 60 * 60);

/// As many bytes as the hash gives out; a shorter secret would be the weakest part.
const SECRET_BYTES: usize = 32;
/// Both texts change together with the rules of this file, so that old links cannot be misread.
const KEY_PURPOSE: &str = "lethe download link key v1";
const LINK_PURPOSE: &str = "lethe download link v1";

/// What a link opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkTarget<'a> {
    /// The organisation that owns the package, by its id.
    pub organisation: &'a str,
    /// The package.
    pub package_id: Uuid,
    /// The name under which the download is saved.
    pub file_name: &'a str,
}

/// The signed part of a link: the parameters of its query. Whoever has the signature has the package.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadLink {
    /// Which key of the ring signed it.
    #[serde(rename = "kid")]
    pub key_id: String,
    /// When it ends, in seconds since 1970.
    #[serde(rename = "expires")]
    pub expires_at: i64,
    /// HMAC-SHA-256, base64url without padding.
    pub signature: String,
}

impl DownloadLink {
    /// The query of the URL, without the question mark. Needs no further encoding.
    #[must_use]
    pub fn to_query(&self) -> String {
        let Self { key_id, expires_at, signature } = self;
        format!("kid={key_id}&expires={expires_at}&signature={signature}")
    }
}

/// Why a link does not open its package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LinkError {
    /// It was good once. Only said of links that are genuine.
    #[error("the link has expired")]
    Expired,
    /// Something in it was changed, or it was made for another package or organisation.
    #[error("the link is not one that was issued")]
    Tampered,
    /// The key that it names is not in the ring, or no longer.
    #[error("the link was signed with a key that is not known")]
    UnknownKey,
}

/// Why a key ring cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyRingError {
    /// The key that should sign is missing.
    #[error("active key {0:?} is not among the keys")]
    NoActiveKey(String),
    /// An id appears in URLs and must be plain.
    #[error("key id {0:?} is not usable; expected 1 to 32 letters, digits, '-' or '_'")]
    KeyId(String),
    /// A secret is too short to be one.
    #[error("the secret of key {0:?} is too short; expected at least 32 bytes")]
    ShortSecret(String),
}

/// The secrets that links are signed with: one signs, all verify. To rotate, add a key and make it
/// active; take the old one away when the links signed with it have expired.
pub struct KeyRing {
    active: String,
    keys: HashMap<String, SecretString>,
}

/// A key ring as the settings of a service have it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRingSettings {
    /// The key that seals or signs.
    pub active: String,
    /// Every key that is still good, by id: secrets of 32 bytes and more.
    pub keys: BTreeMap<String, SecretString>,
}

impl KeyRingSettings {
    /// The ring.
    ///
    /// # Errors
    /// As [`KeyRing::new`].
    pub fn ring(&self) -> Result<KeyRing, KeyRingError> {
        KeyRing::new(self.active.clone(), self.keys.clone())
    }
}

impl KeyRing {
    /// A ring whose key `active` signs.
    ///
    /// # Errors
    /// When `active` is missing, an id is not plain or a secret is shorter than 32 bytes.
    pub fn new(
        active: impl Into<String>,
        keys: impl IntoIterator<Item = (String, SecretString)>,
    ) -> Result<Self, KeyRingError> {
        let ring = Self { active: active.into(), keys: keys.into_iter().collect() };
        for (id, secret) in &ring.keys {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if id.is_empty() || id.len() > 32 || !id.bytes().all(is_plain) {
                return Err(KeyRingError::KeyId(id.clone()));
            }
            if secret.expose_secret().len() < SECRET_BYTES {
                return Err(KeyRingError::ShortSecret(id.clone()));
            }
        }
        match ring.keys.contains_key(&ring.active) {
            true => Ok(ring),
            false => Err(KeyRingError::NoActiveKey(ring.active)),
        }
    }

    /// The key that signs, with its id.
    pub(crate) fn active_secret(&self) -> Option<(&str, &SecretString)> {
        Some((&self.active, self.keys.get(&self.active)?))
    }

    /// A key by its id.
    pub(crate) fn secret(&self, key_id: &str) -> Option<&SecretString> {
        self.keys.get(key_id)
    }

    /// Signs a link to `target`, good before `expires_at` (whole seconds).
    ///
    /// # Errors
    /// [`LinkError::UnknownKey`] when the active key is missing, which [`KeyRing::new`] rules out.
    pub fn sign(
        &self,
        target: &LinkTarget<'_>,
        expires_at: DateTime<Utc>,
    ) -> Result<DownloadLink, LinkError> {
        let expires_at = expires_at.timestamp();
        let mac = self.mac(&self.active, target, expires_at)?;
        Ok(DownloadLink {
            key_id: self.active.clone(),
            expires_at,
            signature: URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()),
        })
    }

    /// Checks that `link` was signed by a key of this ring for `target` and is good at `now`.
    /// The signature is compared in constant time.
    ///
    /// # Errors
    /// When it was not, or is not.
    pub fn verify(
        &self,
        target: &LinkTarget<'_>,
        link: &DownloadLink,
        now: DateTime<Utc>,
    ) -> Result<(), LinkError> {
        let mac = self.mac(&link.key_id, target, link.expires_at)?;
        let signature = URL_SAFE_NO_PAD.decode(&link.signature);
        let signature = signature.map_err(|_| LinkError::Tampered)?;
        mac.verify_slice(&signature).map_err(|_| LinkError::Tampered)?;
        match now.timestamp() < link.expires_at {
            true => Ok(()),
            false => Err(LinkError::Expired),
        }
    }

    /// The MAC over everything that a link promises. The file name comes last, as the only part
    /// that could hold a line end.
    fn mac(&self, key_id: &str, target: &LinkTarget<'_>, expires_at: i64) -> Result<Hmac<Sha256>, LinkError> {
        let secret = self.keys.get(key_id).ok_or(LinkError::UnknownKey)?;
        let key = organisation_key(secret, target.organisation)?;
        let mac = Hmac::<Sha256>::new_from_slice(key.as_slice());
        let mut mac = mac.map_err(|_| LinkError::UnknownKey)?;
        let LinkTarget { package_id, file_name, .. } = target;
        let text = format!("{LINK_PURPOSE}\n{package_id}\n{expires_at}\n{file_name}");
        mac.update(text.as_bytes());
        Ok(mac)
    }
}

fn organisation_key(secret: &SecretString, organisation: &str) -> Result<Zeroizing<[u8; 32]>, LinkError> {
    let mut key = Zeroizing::new([0; 32]);
    let derivation = Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes());
    derivation
        .expand_multi_info(&[KEY_PURPOSE.as_bytes(), b"\n", organisation.as_bytes()], key.as_mut_slice())
        .map_err(|_| LinkError::UnknownKey)?;
    Ok(key)
}

impl fmt::Debug for DownloadLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadLink")
            .field("key_id", &self.key_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("active", &self.active).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
