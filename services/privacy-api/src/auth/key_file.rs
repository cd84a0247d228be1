//! Public keys from a file.

use std::path::Path;

use jsonwebtoken::{Algorithm, DecodingKey};

use super::error::AuthConfigError;
use super::key_set::{KeySet, VerifyingKey};

/// An uncompressed point of P-256.
const P256_POINT_BYTES: usize = 65;

/// Reads a public key in PEM, a JWK or a JWK set.
pub(super) fn read(file: &Path) -> Result<KeySet, AuthConfigError> {
    let name = || file.display().to_string();
    let text =
        std::fs::read_to_string(file).map_err(|source| AuthConfigError::KeyFile { file: name(), source })?;
    let keys = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(&text).ok().map(|json| KeySet::parse(&json)),
        false => pem(text.as_bytes()).map(KeySet::of),
    };
    keys.filter(|keys| !keys.is_empty()).ok_or_else(|| AuthConfigError::Key(name()))
}

/// A private key or a certificate has no place here, and is no key to us.
fn pem(text: &[u8]) -> Option<VerifyingKey> {
    let labelled = |label: &str| text.windows(label.len()).any(|window| window == label.as_bytes());
    if labelled("PRIVATE KEY-----") || labelled("CERTIFICATE-----") {
        return None;
    }
    let keys = [
        (Algorithm::RS256, DecodingKey::from_rsa_pem(text)),
        (Algorithm::ES256, DecodingKey::from_ec_pem(text)),
        (Algorithm::EdDSA, DecodingKey::from_ed_pem(text)),
    ];
    let (algorithm, key) = keys.into_iter().find_map(|(algorithm, key)| Some((algorithm, key.ok()?)))?;
    let size = key.try_get_as_bytes().map_or(0, <[u8]>::len);
    if algorithm == Algorithm::ES256 && size != P256_POINT_BYTES {
        return None;
    }
    Some(VerifyingKey { id: None, algorithm, key })
}
