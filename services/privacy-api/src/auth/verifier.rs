//! From a bearer token to a caller.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, decode_header};
use secrecy::SecretString;
use serde::Deserialize;

use super::caller::Caller;
use super::error::{AuthConfigError, TokenError};
use super::issuer::Issuer;
use super::subject::Subjects;
use crate::config::{Config, Mode};

/// Longer than any token with a sensible number of claims.
const LONGEST_TOKEN_BYTES: usize = 16 * 1024;
const ACCEPTED: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// Checks tokens of the accepted issuers.
pub struct Verifier {
    issuers: Vec<Issuer>,
    subjects: Subjects,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.issuers.iter().map(|issuer| &issuer.name)).finish()
    }
}

impl Verifier {
    /// A verifier as configured; subjects are made safe under a key derived from `secret`.
    ///
    /// # Errors
    /// [`AuthConfigError`] naming the setting that cannot be used.
    pub fn new(config: &Config, secret: &SecretString) -> Result<Self, AuthConfigError> {
        let development = config.mode == Mode::Development;
        let mut issuers = Vec::new();
        if let Some(file) = &config.auth.development_issuer_key_file {
            if !development {
                return Err(AuthConfigError::DevelopmentIssuer);
            }
            tracing::warn!("tokens of the development issuer are accepted");
            issuers.push(Issuer::development(file)?);
        }
        for issuer in &config.auth.issuers {
            if issuers.iter().any(|known: &Issuer| known.name == issuer.issuer) {
                return Err(AuthConfigError::Twice(issuer.issuer.clone()));
            }
            issuers.push(Issuer::new(issuer, &config.auth.key_cache, development)?);
        }
        match issuers.is_empty() {
            true => Err(AuthConfigError::NoIssuer),
            false => Ok(Self { issuers, subjects: Subjects::new(secret)? }),
        }
    }

    /// The holder of a token, if it is good at `now`.
    ///
    /// # Errors
    /// [`TokenError`] saying what is wrong with it.
    pub async fn caller(&self, token: &str, now: Instant) -> Result<Caller, TokenError> {
        if token.len() > LONGEST_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let header = header(token)?;
        let named = claimed_issuer(token)?;
        let issuer = self.issuers.iter().find(|issuer| issuer.name == named).ok_or(TokenError::Issuer)?;
        let claims = issuer.verify(token, &header, now).await?;
        issuer.claims.caller(&claims, &self.subjects)
    }
}

/// The header, if it asks for nothing that we do not do.
fn header(token: &str) -> Result<Header, TokenError> {
    #[derive(Deserialize)]
    struct Named {
        alg: String,
    }
    let first = token.split('.').next().ok_or(TokenError::Malformed)?;
    let bytes = URL_SAFE_NO_PAD.decode(first).map_err(|_| TokenError::Malformed)?;
    let named: Named = serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)?;
    // Asked first, because the library does not know `none` and would call the token malformed.
    if !ACCEPTED.iter().any(|algorithm| format!("{algorithm:?}") == named.alg) {
        return Err(TokenError::Algorithm);
    }
    let header = decode_header(token).map_err(|_| TokenError::Malformed)?;
    // A critical extension that is not understood makes a token invalid (RFC 7515, 4.1.11).
    match header.crit {
        None => Ok(header),
        Some(_) => Err(TokenError::Malformed),
    }
}

/// Whose token it claims to be: decides whose keys it is checked against, and nothing else.
fn claimed_issuer(token: &str) -> Result<String, TokenError> {
    #[derive(Deserialize)]
    struct Claimed {
        iss: Option<String>,
    }
    let claims =
        jsonwebtoken::dangerous::insecure_decode::<Claimed>(token).map_err(|_| TokenError::Malformed)?;
    claims.claims.iss.ok_or_else(|| TokenError::Claim("iss".to_owned()))
}
