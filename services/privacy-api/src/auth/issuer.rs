//! One issuer: its keys, and what its tokens must say.

use std::sync::Arc;
use std::time::Instant;

use contracts::http::{DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode};

use super::claims::{ClaimNames, Claims};
use super::error::{AuthConfigError, TokenError};
use super::fetch::Discovery;
use super::key_file;
use super::key_set::KeySet;
use super::remote_keys::RemoteKeys;
use crate::config::{IssuerConfig, KeyCacheConfig, KeysConfig};

/// Clocks may differ by so much (RFC 7519, 4.1.4: "usually no more than a few minutes").
pub(super) const LEEWAY_SECONDS: u64 = 60;
/// A token is tried against no more keys than this when it does not say which one signed it.
const MOST_CANDIDATES: usize = 4;

/// One issuer of tokens.
pub(super) struct Issuer {
    pub name: String,
    pub claims: ClaimNames,
    audience: Vec<String>,
    keys: Keys,
}

enum Keys {
    Fixed(Arc<KeySet>),
    Remote(Box<RemoteKeys>),
}

impl Issuer {
    /// An issuer as configured.
    pub fn new(
        config: &IssuerConfig,
        cache: &KeyCacheConfig,
        plain_http: bool,
    ) -> Result<Self, AuthConfigError> {
        if config.audience.is_empty() {
            return Err(AuthConfigError::NoAudience(config.issuer.clone()));
        }
        let keys = match &config.keys {
            KeysConfig::File(file) => Keys::Fixed(Arc::new(key_file::read(file)?)),
            KeysConfig::Discovery => {
                let discovery = Discovery::new(&config.issuer, cache.fetch_timeout, plain_http)?;
                Keys::Remote(Box::new(RemoteKeys::new(discovery, cache.clone())))
            }
        };
        Ok(Self {
            name: config.issuer.clone(),
            claims: ClaimNames {
                organisation: config.organisation_claim.clone(),
                roles: config.roles_claims.clone(),
            },
            audience: config.audience.clone(),
            keys,
        })
    }

    /// The issuer whose tokens the command line makes on a developer's machine.
    pub fn development(key_file: &std::path::Path) -> Result<Self, AuthConfigError> {
        Ok(Self {
            name: DEVELOPMENT_ISSUER.to_owned(),
            claims: ClaimNames {
                organisation: "organisation_id".to_owned(),
                roles: vec!["roles".to_owned(), "role".to_owned()],
            },
            audience: vec![DEVELOPMENT_AUDIENCE.to_owned()],
            keys: Keys::Fixed(Arc::new(key_file::read(key_file)?)),
        })
    }

    /// The claims of a token of this issuer, if everything about it is as it must be.
    pub async fn verify(&self, token: &str, header: &Header, now: Instant) -> Result<Claims, TokenError> {
        let keys = match &self.keys {
            Keys::Fixed(keys) => Arc::clone(keys),
            Keys::Remote(keys) => keys.keys(header, now).await?,
        };
        let validation = self.validation(header.alg);
        let mut refusal = TokenError::UnknownKey;
        for candidate in keys.candidates(header).take(MOST_CANDIDATES) {
            match decode::<Claims>(token, &candidate.key, &validation) {
                Ok(verified) => return Ok(verified.claims),
                Err(error) => refusal = why(error.kind()),
            }
            if !matches!(refusal, TokenError::Signature) {
                break;
            }
        }
        Err(refusal)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_exp = true;
        validation.validate_nbf = true;
        validation.validate_aud = true;
        validation.set_audience(&self.audience);
        validation.set_issuer(&[&self.name]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation
    }
}

/// What the library says, in our words. It has kinds for key material and encodings that a token
/// of ours cannot reach; whatever they are, the token is not good.
fn why(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::NotYetValid,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidAlgorithm => TokenError::Algorithm,
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::MissingRequiredClaim(name) | ErrorKind::InvalidClaimFormat(name) => {
            TokenError::Claim(name.clone())
        }
        _ => TokenError::Malformed,
    }
}
