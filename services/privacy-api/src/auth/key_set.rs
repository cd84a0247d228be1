//! The public keys of one issuer.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use serde_json::Value;

/// More keys than any issuer publishes; the rest is ignored.
const MOST_KEYS: usize = 100;

/// A key with the one algorithm it is used for.
///
/// The algorithm is the key's, not the token's: a token that claims another finds no key, so a
/// public key is never taken for a shared secret.
pub(super) struct VerifyingKey {
    pub id: Option<String>,
    pub algorithm: Algorithm,
    pub key: DecodingKey,
}

/// The public keys of one issuer.
#[derive(Default)]
pub(super) struct KeySet(Vec<VerifyingKey>);

impl KeySet {
    /// The set of one key that has no id: it is tried for every token of its algorithm.
    pub fn of(key: VerifyingKey) -> Self {
        Self(vec![key])
    }

    /// Reads a JWK set, or a single JWK. Keys for other purposes or algorithms are passed over.
    pub fn parse(json: &Value) -> Self {
        let keys = match json.get("keys") {
            Some(Value::Array(keys)) => keys.as_slice(),
            _ => std::slice::from_ref(json),
        };
        Self(keys.iter().take(MOST_KEYS).filter_map(read).collect())
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys that may have signed a token with this header.
    pub fn candidates<'a>(&'a self, header: &'a Header) -> impl Iterator<Item = &'a VerifyingKey> {
        self.0.iter().filter(|key| {
            key.algorithm == header.alg
                && match (&key.id, &header.kid) {
                    (Some(key), Some(token)) => key == token,
                    _ => true,
                }
        })
    }

    /// Whether there is such a key.
    pub fn fits(&self, header: &Header) -> bool {
        self.candidates(header).next().is_some()
    }
}

fn read(json: &Value) -> Option<VerifyingKey> {
    let jwk: Jwk = serde_json::from_value(json.clone()).ok()?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let common = &jwk.common;
    let signs = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    let verifies = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let same_algorithm = matches!(
        (common.key_algorithm, algorithm),
        (None, _)
            | (Some(KeyAlgorithm::RS256), Algorithm::RS256)
            | (Some(KeyAlgorithm::ES256), Algorithm::ES256)
            | (Some(KeyAlgorithm::EdDSA), Algorithm::EdDSA)
    ) || named_by_curve(json);
    if !(signs && verifies && same_algorithm) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some(VerifyingKey { id: jwk.common.key_id, algorithm, key })
}

/// RFC 9864 gives EdDSA over Ed25519 the name `Ed25519`; the key is the same.
fn named_by_curve(json: &Value) -> bool {
    json.get("alg").and_then(Value::as_str) == Some("Ed25519")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ed(extra: Value) -> Value {
        let mut key =
            json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        key.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        key
    }

    fn header(algorithm: Algorithm, kid: Option<&str>) -> Header {
        Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) }
    }

    #[test]
    fn keys_for_other_purposes_are_passed_over() {
        let set = KeySet::parse(&json!({"keys": [
            ed(json!({"kid": "enc", "use": "enc"})),
            ed(json!({"kid": "sign-only", "key_ops": ["sign"]})),
            ed(json!({"kid": "hmac", "alg": "HS256"})),
            {"kty": "oct", "kid": "secret", "k": "AAAA"},
            {"kty": "AKP", "kid": "post-quantum", "alg": "ML-DSA-44", "pub": "AAAA"},
            {"kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA"},
            "nonsense",
            ed(json!({"kid": "good", "use": "sig", "alg": "EdDSA"})),
            ed(json!({"kid": "new", "alg": "Ed25519"})),
        ]}));
        let ids: Vec<_> = set.0.iter().map(|key| key.id.as_deref().unwrap()).collect();
        assert_eq!(ids, ["good", "new"]);
    }

    #[test]
    fn a_key_is_found_by_id_and_never_for_another_algorithm() {
        let set = KeySet::parse(&json!({"keys": [ed(json!({"kid": "a"}))]}));
        assert!(set.fits(&header(Algorithm::EdDSA, Some("a"))));
        assert!(set.fits(&header(Algorithm::EdDSA, None)));
        assert!(!set.fits(&header(Algorithm::EdDSA, Some("b"))));
        assert!(!set.fits(&header(Algorithm::HS256, Some("a"))));
        assert!(KeySet::parse(&json!({"keys": []})).is_empty());
        assert!(KeySet::parse(&ed(json!({}))).fits(&header(Algorithm::EdDSA, Some("any"))));
    }
}
