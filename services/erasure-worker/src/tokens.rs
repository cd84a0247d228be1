//! OAuth tokens: revoked at their providers (RFC 7009) while the rows still have them. The rows' own
//! steps erase them afterwards.
//!
//! What was revoked is kept page by page, and the next attempt asks for the rest. Revoking a token twice does
//! no harm, so that whatever was not kept is asked for again. A provider that does not answer, or wants
//! something mended, leaves the step waiting: it is tried again without end, not before the provider's own
//! `Retry-After`, and its owner may do without it, with a reason.

mod kept;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

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

use kept::{Kept, Mark, Page};

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
struct Ledger<'a> {
    kept: Kept<'a>,
    outcomes: BTreeMap<String, Outcome>,
    /// Providers that failed in this attempt, with the first failure; they are not asked again.
    failed: BTreeMap<String, RevokeError>,
    /// The longest pause that one of them asks for.
    pause: Option<Duration>,
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
    let (columns, mut ledger) = (columns(oauth), Ledger::new(Kept::open(erasures, step).await?));
    let mut pages = opened.pages(&columns, PAGE_ROWS);
    let every_page = async {
        while let Some(rows) = pages.next().await? {
            ledger.revoke(erasures, tokens(oauth, rows), progress).await?;
        }
        Ok(())
    };
    let ended = every_page.await;
    ended.map_err(|error| ledger.put_off(error))?;
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

impl<'a> Ledger<'a> {
    fn new(kept: Kept<'a>) -> Self {
        Self { kept, outcomes: BTreeMap::new(), failed: BTreeMap::new(), pause: None }
    }

    /// Revokes the tokens of a page that no earlier attempt has revoked, and keeps what became of them.
    async fn revoke(
        &mut self,
        erasures: &Erasures,
        tokens: Vec<Token>,
        progress: &StepProgress,
    ) -> Result<(), StepError> {
        let (mut left, mut page) = (Vec::new(), Page::default());
        for token in tokens {
            let mark = Mark::new(&token);
            match self.kept.outcome(mark) {
                Some(revoked) => self.count(&token.provider, revoked),
                None => left.push((token, mark)),
            }
        }
        let away: BTreeSet<String> = self.failed.keys().cloned().collect();
        let away = Mutex::new(away);
        let asked = left.into_iter().map(async |(token, mark)| {
            let answer = ask(erasures, &token, &away).await?;
            Some((token.provider, mark, answer))
        });
        let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
        while let Some(answer) = answers.next().await {
            let Some((provider, mark, answer)) = answer else { continue };
            progress.pulse();
            match answer {
                Ok(revoked) => {
                    page.add(mark, revoked);
                    self.count(&provider, revoked);
                }
                Err(error) => self.fail(provider, error),
            }
        }
        self.kept.keep(&page).await
    }

    fn count(&mut self, provider: &str, revoked: Revoked) {
        let outcome = self.outcomes.entry(provider.to_owned()).or_default();
        let count = match revoked {
            Revoked::Accepted => &mut outcome.revoked,
            Revoked::Invalid => &mut outcome.invalid,
        };
        *count = count.saturating_add(1);
    }

    fn fail(&mut self, provider: String, error: RevokeError) {
        self.pause = self.pause.max(error.retry_after());
        self.failed.entry(provider).or_insert(error);
    }

    /// What ends the attempt, however it ends: the pause that a provider has asked for is kept all the same.
    fn put_off(&self, error: StepError) -> StepError {
        match (error, self.pause) {
            (StepError::Retryable(reason) | StepError::Waiting(reason), Some(pause)) => {
                StepError::PutOff(reason, pause)
            }
            (error, _) => error,
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
        let after = self.pause.map(|pause| format!(" after the {} s that were asked for", pause.as_secs()));
        let detail = format!(
            "tokens are not revoked yet: {}; it is tried again by itself{}, and the owner may retry it at once \
             or skip it with a reason",
            told.join("; "),
            after.unwrap_or_default()
        );
        let reason = FailureReason::new("provider_unavailable", detail);
        Err(self.put_off(StepError::Retryable(reason)))
    }
}

/// Asks a provider, unless it is one of those that are left alone. One that cannot answer now is left alone
/// from then on, also by what waits for its turn.
async fn ask(
    erasures: &Erasures,
    token: &Token,
    away: &Mutex<BTreeSet<String>>,
) -> Option<Result<Revoked, RevokeError>> {
    let lock = || away.lock().unwrap_or_else(PoisonError::into_inner);
    if lock().contains(&token.provider) {
        return None;
    }
    let answer = erasures.revoker.revoke(&token.provider, &token.token, token.kind).await;
    if answer.as_ref().is_err_and(RevokeError::is_retryable) {
        lock().insert(token.provider.clone());
    }
    Some(answer)
}
