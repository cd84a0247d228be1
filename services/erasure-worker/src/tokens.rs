//! OAuth tokens: revoked at their providers (RFC 7009) while the rows still have them. The rows' own
//! steps erase them afterwards.
//!
//! Revoking a token twice does no harm, so an attempt begins anew. A provider that does not answer, or
//! wants something mended, leaves the step waiting: it is tried again without end, and its owner may do
//! without it, with a reason.

use std::collections::{BTreeMap, BTreeSet};

use chassis::{StepError, StepProgress};
use connectors::erase::PageRow;
use connectors::revoke::{RevokeError, Revoked, TokenKind};
use domain::datamap::OauthTokens;
use domain::job::FailureReason;
use futures::{StreamExt as _, stream};
use secrecy::SecretString;
use serde::Serialize;
use store::{Claimed, Produced};

use crate::Erasures;
use crate::failure::broken;
use crate::opened::Opened;

/// Rows read at a time, each time by the holds in effect then; and requests under way at a time.
const PAGE_ROWS: u32 = 100;
const AT_ONCE: usize = 8;

/// What became of the tokens of one provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Outcome {
    /// Accepted by the provider, which says so too of tokens that it does not know.
    revoked: u64,
    /// Not valid any more, says the provider.
    invalid: u64,
}

/// What became of all tokens, provider by provider.
#[derive(Default)]
struct Ledger {
    outcomes: BTreeMap<String, Outcome>,
    /// Providers that failed in this attempt, with the first failure; they are not asked again.
    failed: BTreeMap<String, RevokeError>,
}

/// A token of a row. `Debug` is that of the secret.
struct Token {
    provider: String,
    kind: TokenKind,
    token: SecretString,
}

pub(crate) async fn run(
    erasures: &Erasures,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let opened = Opened::of(erasures, step).await?;
    let oauth = opened.collection.oauth.as_ref();
    let oauth = oauth.ok_or_else(|| broken("the collection has no tokens any more"))?;
    let (columns, mut ledger) = (columns(oauth), Ledger::default());
    let mut pages = opened.pages(&columns, PAGE_ROWS);
    while let Some(rows) = pages.next().await? {
        ledger.revoke(erasures, tokens(oauth, rows), progress).await;
    }
    ledger.settle()
}

/// The provider's column, then those of the tokens that the map names.
fn columns(oauth: &OauthTokens) -> Vec<String> {
    let tokens = [&oauth.refresh_token, &oauth.access_token].into_iter().flatten().cloned();
    std::iter::once(oauth.provider.clone()).chain(tokens).collect()
}

/// The tokens of these rows, refresh tokens first: revoking one ends access tokens too.
fn tokens(oauth: &OauthTokens, rows: Vec<PageRow>) -> Vec<Token> {
    let refresh = oauth.refresh_token.as_ref().map(|_| TokenKind::Refresh);
    let access = oauth.access_token.as_ref().map(|_| TokenKind::Access);
    let kinds: Vec<TokenKind> = [refresh, access].into_iter().flatten().collect();
    let mut tokens = Vec::new();
    for row in rows {
        let mut values = row.values.into_iter();
        let provider = values.next().flatten().unwrap_or_default();
        for (kind, token) in kinds.iter().zip(values) {
            if let Some(token) = token.filter(|token| !token.is_empty()) {
                tokens.push(Token { provider: provider.clone(), kind: *kind, token: token.into() });
            }
        }
    }
    tokens
}

impl Ledger {
    async fn revoke(&mut self, erasures: &Erasures, tokens: Vec<Token>, progress: &StepProgress) {
        let away: BTreeSet<String> = self.failed.keys().cloned().collect();
        let asked = tokens.into_iter().filter(|token| !away.contains(&token.provider)).map(async |token| {
            let answer = erasures.revoker.revoke(&token.provider, &token.token, token.kind).await;
            (token.provider, answer)
        });
        let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
        while let Some((provider, answer)) = answers.next().await {
            progress.pulse();
            let outcome = self.outcomes.entry(provider.clone()).or_default();
            match answer {
                Ok(Revoked::Accepted) => outcome.revoked = outcome.revoked.saturating_add(1),
                Ok(Revoked::Invalid) => outcome.invalid = outcome.invalid.saturating_add(1),
                Err(error) => drop(self.failed.entry(provider).or_insert(error)),
            }
        }
    }

    /// The step's result, or what it waits for.
    fn settle(self) -> Result<Produced, StepError> {
        if self.failed.is_empty() {
            let result = serde_json::to_value(&self.outcomes);
            let result = result.map_err(|_| broken("a result cannot be written down"))?;
            return Ok(Produced { result: Some(result), ..Produced::default() });
        }
        let told: Vec<String> = self.failed.values().map(ToString::to_string).collect();
        let detail = format!(
            "tokens are not revoked yet: {}; it is tried again by itself, and the owner may retry it at once \
             or skip it with a reason",
            told.join("; ")
        );
        Err(StepError::Retryable(FailureReason::new("provider_unavailable", detail)))
    }
}
