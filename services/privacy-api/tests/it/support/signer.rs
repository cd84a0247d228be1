//! Keys that are made for the test, and tokens signed with them.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

pub const ISSUER: &str = "https://id.example.com/";
pub const AUDIENCE: &str = "lethe";

/// A key with its id.
pub struct Signer {
    pub algorithm: Algorithm,
    pub kid: String,
    pub public_pem: String,
    key: EncodingKey,
}

/// The claims of a token in the making.
#[derive(Clone)]
pub struct Claims(Map<String, Value>);

impl Signer {
    pub fn rsa(kid: &str) -> Self {
        let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let pem = pem("PRIVATE KEY", pkcs8.as_ref());
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self::new(kid, Algorithm::RS256, public.as_ref(), EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap())
    }

    pub fn ec(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        Self::new(kid, Algorithm::ES256, public.as_ref(), key)
    }

    pub fn ed(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let key = EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref());
        Self::new(kid, Algorithm::EdDSA, public.as_ref(), key)
    }

    fn new(kid: &str, algorithm: Algorithm, public: &[u8], key: EncodingKey) -> Self {
        Self { algorithm, kid: kid.to_owned(), public_pem: pem("PUBLIC KEY", public), key }
    }

    /// The public key as its issuer publishes it.
    pub fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.kid.clone());
        serde_json::to_value(jwk).unwrap()
    }

    pub fn token(&self, claims: &Claims) -> String {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(self.algorithm) };
        self.token_with(&header, claims)
    }

    pub fn token_with(&self, header: &Header, claims: &Claims) -> String {
        encode(header, &claims.0, &self.key).unwrap()
    }
}

impl Claims {
    /// A good token's claims.
    pub fn of(organisation: &str, role: &str) -> Self {
        let now = chrono::Utc::now().timestamp();
        Self(Map::new())
            .with("iss", ISSUER)
            .with("aud", AUDIENCE)
            .with("sub", format!("user-of-{organisation}"))
            .with("organisation_id", organisation)
            .with("roles", json!([role]))
            .with("iat", now)
            .with("auth_time", now)
            .with("exp", now + 600)
    }

    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// With times moved by so many seconds from now.
    pub fn at(self, name: &str, seconds: i64) -> Self {
        self.with(name, chrono::Utc::now().timestamp() + seconds)
    }

    pub fn json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
