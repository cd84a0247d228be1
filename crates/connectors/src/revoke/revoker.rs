//! Revoking a token at the provider that issued it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use secrecy::SecretString;

use super::error::{RevokeConfigError, RevokeError, RevokeFailure};
use super::provider::Provider;
use super::settings::ProviderSettings;

/// A failure of a moment is asked about again so often, after waits that grow. Longer ones are
/// the job's to wait for.
const REPEATS: usize = 2;
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// All providers at which tokens can be revoked.
pub struct Revoker {
    providers: BTreeMap<String, Provider>,
}

/// Endpoints and credentials can be secret, so names are all that is shown.
impl fmt::Debug for Revoker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.providers.keys()).finish()
    }
}

/// Which of the two a token is (the `token_type_hint` of RFC 7009, section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Grants access until it expires.
    Access,
    /// Fetches new access tokens. Revoking it should end them as well (section 2.1); where a
    /// provider leaves them alone, they have to be revoked too.
    Refresh,
}

impl TokenKind {
    /// Its name, in the words of the hint.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Access => "access_token",
            Self::Refresh => "refresh_token",
        }
    }
}

/// A token that is worth nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// The provider accepted it. It does so too for tokens that it does not know, or no longer
    /// (section 2.2), and does not say which.
    Accepted,
    /// The provider says that the token is not valid.
    Invalid,
}

impl Revoker {
    /// A revoker for providers by name.
    ///
    /// # Errors
    /// When a setting is missing or wrong: the first such, by provider and setting.
    pub fn new(settings: &BTreeMap<String, ProviderSettings>) -> Result<Self, RevokeConfigError> {
        let provider = |(name, settings): (&String, &ProviderSettings)| {
            Ok((name.clone(), Provider::new(name, settings)?))
        };
        Ok(Self { providers: settings.iter().map(provider).collect::<Result<_, _>>()? })
    }

    /// Revokes a token. Doing it twice does no harm.
    ///
    /// # Errors
    /// When the provider has no settings, cannot be reached or refuses. Of errors that
    /// [`is_retryable`](RevokeError::is_retryable) nobody knows whether the token is revoked.
    pub async fn revoke(
        &self,
        provider: &str,
        token: &SecretString,
        kind: TokenKind,
    ) -> Result<Revoked, RevokeError> {
        let failed = |failure| RevokeError::new(provider, failure);
        let known = self.providers.get(provider).ok_or_else(|| failed(RevokeFailure::NotConfigured))?;
        let waits = ExponentialBuilder::new()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LONGEST_WAIT)
            .with_max_times(REPEATS)
            .with_jitter();
        (|| known.ask(token, kind))
            .retry(waits)
            .when(worth_repeating)
            .adjust(|failure, wait| wait.and_then(|wait| at_least(wait, failure.retry_after())))
            .await
            .map_err(failed)
    }
}

/// A provider that let the whole time limit pass has been waited for long enough.
fn worth_repeating(failure: &RevokeFailure) -> bool {
    failure.is_retryable() && !matches!(failure, RevokeFailure::Timeout)
}

/// The wait before the next request; `None` when the provider asks for more than is waited for here.
fn at_least(wait: Duration, asked: Option<Duration>) -> Option<Duration> {
    let wait = wait.max(asked.unwrap_or_default());
    (wait <= LONGEST_WAIT).then_some(wait)
}
