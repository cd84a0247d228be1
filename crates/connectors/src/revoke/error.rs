//! Why a token could not be revoked, in words that give neither token nor secret away.

use std::time::Duration;

use thiserror::Error;

/// A provider's settings cannot be used.
#[derive(Debug, Error)]
pub enum RevokeConfigError {
    /// One of them is missing or wrong. Its value, which may be a secret, is not repeated.
    #[error("providers.{provider}.{setting}: expected {expected}")]
    Setting {
        /// The provider's name in the settings.
        provider: String,
        /// The setting.
        setting: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// No HTTP client could be made, for want of this machine's certificates for instance.
    #[error("providers.{provider}: no HTTP client could be made")]
    Client {
        /// The provider's name in the settings.
        provider: String,
        /// The client's own words.
        #[source]
        source: reqwest::Error,
    },
}

impl RevokeConfigError {
    pub(super) fn setting(provider: &str, setting: &'static str, expected: &'static str) -> Self {
        Self::Setting { provider: provider.to_owned(), setting, expected }
    }
}

/// A token was not revoked, or nobody knows whether it was.
#[derive(Debug, Error)]
#[error("provider {provider}: {failure}")]
pub struct RevokeError {
    provider: String,
    #[source]
    failure: RevokeFailure,
}

/// What went wrong.
#[derive(Debug, Error)]
pub enum RevokeFailure {
    /// No settings bear this name.
    #[error(
        "it is not configured; give its revocation endpoint as `endpoint` under `[service.providers.NAME]`, or skip its tokens with a reason"
    )]
    NotConfigured,
    /// Its host has no public address.
    #[error(
        "its host has no public address; correct `endpoint`, or set `allow_private = true` if that is meant"
    )]
    NotPublic,
    /// It did not answer in time.
    #[error("it did not answer within `timeout`")]
    Timeout,
    /// Its name cannot be resolved, it cannot be connected to, its certificate is not trusted, or it
    /// hung up.
    #[error("it cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It cannot answer now (429 or 5xx). After a 503 the token must be taken to exist still
    /// (RFC 7009, section 2.2.1).
    #[error("it is not available at the moment (status {status})")]
    Unavailable {
        /// Its HTTP status.
        status: u16,
        /// How long it asks to be left alone, at most a day.
        retry_after: Option<Duration>,
    },
    /// It does not know the client, or not by these credentials.
    #[error(
        "it does not accept the client (status {status}); check `client_id`, `client_secret` and `auth`, and that the token was issued to this client"
    )]
    Client {
        /// Its HTTP status.
        status: u16,
    },
    /// It does not revoke tokens of this kind (`unsupported_token_type`).
    #[error(
        "it does not revoke tokens of this kind; let its access tokens expire, or skip them with a reason"
    )]
    UnsupportedTokenType,
    /// It answered with a redirection, which is not followed: it could lead anywhere.
    #[error("it answers with a redirection (status {status}); give the place that it leads to as `endpoint`")]
    Redirected {
        /// Its HTTP status.
        status: u16,
    },
    /// It answered with anything else.
    #[error("it refused the request (status {status}); check that `endpoint` is its revocation endpoint")]
    Refused {
        /// Its HTTP status.
        status: u16,
    },
}

impl RevokeError {
    pub(super) fn new(provider: &str, failure: RevokeFailure) -> Self {
        Self { provider: shown(provider), failure }
    }

    /// What went wrong.
    #[must_use]
    pub fn failure(&self) -> &RevokeFailure {
        &self.failure
    }

    /// Whether asking again later may help without anybody mending anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.failure.is_retryable()
    }

    /// How long the provider asks to be left alone, if it says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.failure.retry_after()
    }
}

impl RevokeFailure {
    pub(super) fn is_retryable(&self) -> bool {
        match self {
            Self::Timeout | Self::Unreachable(_) | Self::Unavailable { .. } => true,
            Self::NotConfigured
            | Self::NotPublic
            | Self::Client { .. }
            | Self::UnsupportedTokenType
            | Self::Redirected { .. }
            | Self::Refused { .. } => false,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// A provider's name as it may be shown. Rows name providers, and what stands there instead of a
/// name is none of an error's business.
fn shown(provider: &str) -> String {
    let is_name = provider.len() <= 64
        && provider.starts_with(|first: char| first.is_ascii_alphabetic())
        && provider.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_name { format!("`{provider}`") } else { "of a name that no setting has".to_owned() }
}
