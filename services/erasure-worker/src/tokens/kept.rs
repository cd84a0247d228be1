//! Which tokens the attempts of a step have revoked, so that the next one asks for none of them again.
//!
//! What is kept are digests of the tokens themselves, not places in the table: a token that took another's
//! place meanwhile, or that a hold kept until it was released, is asked for. It is sealed like the step's
//! scope, and goes when the step has ended well.

use std::collections::HashMap;

use chassis::StepError;
use connectors::revoke::Revoked;
use packages::SealedFor;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::Claimed;

use super::Token;
use crate::Erasures;
use crate::failure::control_failed;
use crate::scope::{seal, unsealed};

/// Tells a token from every other, and says nothing of it: the first half of a SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Mark(u128);

impl Mark {
    pub fn new(token: &Token) -> Self {
        let mut hash = Sha256::new();
        // No text of PostgreSQL has a zero byte.
        for part in [token.provider.as_str(), token.kind.name(), token.token.expose_secret()] {
            hash.update(part);
            hash.update([0]);
        }
        Self(hash.finalize().iter().take(16).fold(0, |mark, byte| mark << 8 | u128::from(*byte)))
    }
}

/// What became of the tokens of a page.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Page {
    accepted: Vec<Mark>,
    invalid: Vec<Mark>,
}

impl Page {
    pub fn add(&mut self, mark: Mark, revoked: Revoked) {
        match revoked {
            Revoked::Accepted => self.accepted.push(mark),
            Revoked::Invalid => self.invalid.push(mark),
        }
    }

    fn marks(self) -> impl Iterator<Item = (Mark, Revoked)> {
        let as_is = |revoked| move |mark| (mark, revoked);
        let accepted = self.accepted.into_iter().map(as_is(Revoked::Accepted));
        accepted.chain(self.invalid.into_iter().map(as_is(Revoked::Invalid)))
    }
}

/// What a step has kept.
pub(super) struct Kept<'a> {
    erasures: &'a Erasures,
    step: &'a Claimed,
    /// By earlier attempts.
    known: HashMap<Mark, Revoked>,
    /// Pages of this attempt.
    pages: i32,
}

impl<'a> Kept<'a> {
    pub async fn open(erasures: &'a Erasures, step: &'a Claimed) -> Result<Self, StepError> {
        let pages = erasures.control.revoked(step.job_id, step.step_no).await;
        let target = SealedFor { organisation: step.organisation.as_str(), job_id: step.job_id.0 };
        // A page that cannot be read says nothing: its tokens are revoked again, which does no harm.
        let read = |page: Vec<u8>| unsealed::<Page>(&erasures.sealing, target, &page).ok();
        let pages = pages.map_err(|error| control_failed(&error))?;
        let known = pages.into_iter().filter_map(read).flat_map(Page::marks).collect();
        Ok(Self { erasures, step, known, pages: 0 })
    }

    /// What became of a token in an earlier attempt, if it was revoked.
    pub fn outcome(&self, mark: Mark) -> Option<Revoked> {
        self.known.get(&mark).copied()
    }

    /// Keeps what became of a page of tokens.
    pub async fn keep(&mut self, page: &Page) -> Result<(), StepError> {
        if page.accepted.is_empty() && page.invalid.is_empty() {
            return Ok(());
        }
        let Claimed { job_id, step_no, epoch, .. } = self.step;
        let sealed = seal(&self.erasures.sealing, self.step, page)?;
        self.pages = self.pages.saturating_add(1);
        let kept = self.erasures.control.keep_revoked((*job_id, *step_no, *epoch), self.pages, &sealed).await;
        kept.map_err(|error| control_failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use connectors::revoke::TokenKind;

    use super::*;

    fn mark(provider: &str, kind: TokenKind, token: &str) -> Mark {
        Mark::new(&Token { provider: provider.to_owned(), kind, token: token.into() })
    }

    #[test]
    fn a_mark_is_of_one_token_of_one_kind_at_one_provider() {
        let ours = mark("mail", TokenKind::Access, "ya29");
        assert_eq!(ours, mark("mail", TokenKind::Access, "ya29"));
        for other in [
            mark("mail", TokenKind::Refresh, "ya29"),
            mark("mail", TokenKind::Access, "ya30"),
            mark("drive", TokenKind::Access, "ya29"),
            mark("mai", TokenKind::Access, "lya29"),
        ] {
            assert_ne!(ours, other);
        }
    }

    #[test]
    fn a_page_is_read_as_it_was_written_and_tells_no_token() {
        let mut page = Page::default();
        let (gone, unknown) = (Mark(u128::MAX), mark("mail", TokenKind::Access, "ya29"));
        page.add(gone, Revoked::Invalid);
        page.add(unknown, Revoked::Accepted);
        let json = serde_json::to_string(&page).unwrap();
        assert!(!json.contains("ya29") && json.contains("340282366920938463463374607431768211455"), "{json}");
        let read: Page = serde_json::from_str(&json).unwrap();
        let marks: Vec<_> = read.marks().collect();
        assert_eq!(marks, [(unknown, Revoked::Accepted), (gone, Revoked::Invalid)]);
    }
}
