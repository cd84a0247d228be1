//! Why a token is refused, and why the settings about tokens cannot be used.

use std::sync::Arc;

/// Why a caller is not known. Says nothing of the token's content but what its holder may fix.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// There is no `Authorization` header.
    #[error("an Authorization header with a bearer token is required")]
    Missing,
    /// There is one, but it holds no token.
    #[error("the Authorization header does not hold one bearer token")]
    Malformed,
    /// Signed in a way that is not accepted.
    #[error("the token's algorithm is not accepted; expected RS256, ES256 or EdDSA")]
    Algorithm,
    /// Made by somebody else.
    #[error("the token's issuer is not accepted")]
    Issuer,
    /// No key of the issuer fits.
    #[error("the token is signed with a key that its issuer does not publish")]
    UnknownKey,
    /// Changed, or signed with another key.
    #[error("the token's signature is not valid")]
    Signature,
    /// Too late.
    #[error("the token has expired")]
    Expired,
    /// Too early.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// For another service.
    #[error("the token was not issued for this service")]
    Audience,
    /// Something is missing or of another type.
    #[error("the token has no usable claim `{0}`")]
    Claim(String),
    /// A ticket that opens nothing here.
    #[error("the ticket is not one to this stream, or has expired; ask for a new one")]
    Ticket,
    /// It cannot be told, because the issuer's keys cannot be had.
    #[error("the issuer's keys cannot be fetched at the moment")]
    KeysUnavailable(#[source] Arc<FetchError>),
}

/// Why an issuer's keys cannot be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The request failed.
    #[error("the issuer's {0} cannot be fetched")]
    Request(&'static str, #[source] reqwest::Error),
    /// The answer is no success.
    #[error("the issuer's {0} cannot be fetched: it answers {1}")]
    Status(&'static str, u16),
    /// The answer is too large.
    #[error("the issuer's {0} is larger than {1} bytes")]
    TooLarge(&'static str, usize),
    /// The answer cannot be read.
    #[error("the issuer's {0} cannot be read: {1}")]
    Content(&'static str, &'static str),
    /// A fetch failed a moment ago and is not tried again yet.
    #[error("the issuer's keys could not be fetched a moment ago")]
    Earlier,
}

/// Why the settings about tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthConfigError {
    /// Nobody could call.
    #[error("auth.issuers: name at least one issuer, or a development issuer in development mode")]
    NoIssuer,
    /// A developer's setting in production.
    #[error("auth.development_issuer_key_file: refused unless mode = \"development\"")]
    DevelopmentIssuer,
    /// Nothing would make a token one for this service.
    #[error("auth.issuers: issuer `{0}` needs at least one audience")]
    NoAudience(String),
    /// Two blocks for one issuer.
    #[error("auth.issuers: issuer `{0}` is named twice")]
    Twice(String),
    /// Keys would come over an open line.
    #[error("auth.issuers: issuer `{0}` must be an https:// URL to have its keys discovered")]
    NotHttps(String),
    /// A key file cannot be read.
    #[error("the key file `{file}` cannot be read")]
    KeyFile {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A key file does not hold a key that we can use.
    #[error("the key file `{0}` holds no RSA, P-256 or Ed25519 public key (PEM, JWK or JWK set)")]
    Key(String),
    /// The HTTP client cannot be made.
    #[error("a client for the issuers' keys cannot be made")]
    Client(#[source] reqwest::Error),
    /// A key could not be derived.
    #[error(transparent)]
    Derive(#[from] crate::derive::KeyFailure),
}
