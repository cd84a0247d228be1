//! An issuer's published keys, kept for a while.
//!
//! A key that is known and fresh costs no more than a look. One request at a time fetches; while it
//! does, others go on with what is known. An unknown key id leads to a fetch, but seldom, so that
//! nobody can make us hammer the issuer by inventing ids. When the issuer is away, the last keys
//! go on being used, for a day at most: a key withdrawn meanwhile must not live for ever.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::Header;
use tokio::sync::{Mutex, MutexGuard};

use super::error::{FetchError, TokenError};
use super::fetch::Discovery;
use super::key_set::KeySet;
use crate::config::KeyCacheConfig;

/// An issuer's published keys.
pub(super) struct RemoteKeys {
    discovery: Discovery,
    timing: KeyCacheConfig,
    known: RwLock<Option<Known>>,
    last: Mutex<Option<Attempt>>,
}

#[derive(Clone)]
struct Known {
    keys: Arc<KeySet>,
    fetched_at: Instant,
}

/// The last fetch.
struct Attempt {
    at: Instant,
    failure: Option<Arc<FetchError>>,
}

impl RemoteKeys {
    pub fn new(discovery: Discovery, timing: KeyCacheConfig) -> Self {
        Self { discovery, timing, known: RwLock::default(), last: Mutex::default() }
    }

    /// The keys to check a token with this header against.
    pub async fn keys(&self, header: &Header, now: Instant) -> Result<Arc<KeySet>, TokenError> {
        match self.known(now, header) {
            Knowledge::Fresh(keys) => return Ok(keys),
            // Somebody else may be fetching already; then this request goes on with what is known.
            Knowledge::Stale(keys) => match self.last.try_lock() {
                Ok(last) => self.fetch(last, now).await,
                Err(_) => return Ok(keys),
            },
            Knowledge::None => {
                let last = self.last.lock().await;
                if let Knowledge::Fresh(keys) = self.known(now, header) {
                    return Ok(keys);
                }
                self.fetch(last, now).await;
            }
        }
        match &*self.known.read().unwrap_or_else(PoisonError::into_inner) {
            Some(known) if self.age(known, now) < self.timing.stale_for => Ok(Arc::clone(&known.keys)),
            _ => Err(self.unavailable()),
        }
    }

    fn known(&self, now: Instant, header: &Header) -> Knowledge {
        match &*self.known.read().unwrap_or_else(PoisonError::into_inner) {
            Some(known) if known.keys.fits(header) => {
                let age = self.age(known, now);
                if age < self.timing.fresh_for {
                    Knowledge::Fresh(Arc::clone(&known.keys))
                } else if age < self.timing.stale_for {
                    Knowledge::Stale(Arc::clone(&known.keys))
                } else {
                    Knowledge::None
                }
            }
            _ => Knowledge::None,
        }
    }

    fn age(&self, known: &Known, now: Instant) -> Duration {
        now.saturating_duration_since(known.fetched_at)
    }

    /// Fetches, unless that was done too short a time ago.
    async fn fetch(&self, mut last: MutexGuard<'_, Option<Attempt>>, now: Instant) {
        if let Some(Attempt { at, failure }) = &*last {
            let pause = if failure.is_none() { self.timing.refetch_after } else { self.timing.retry_after };
            if now.saturating_duration_since(*at) < pause {
                return;
            }
        }
        let failure = match self.discovery.keys().await {
            Ok(keys) => {
                let known = Known { keys: Arc::new(keys), fetched_at: now };
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
                None
            }
            Err(error) => {
                tracing::warn!(error = telemetry::as_error(&error), "an issuer's keys cannot be fetched");
                Some(Arc::new(error))
            }
        };
        *last = Some(Attempt { at: now, failure });
    }

    fn unavailable(&self) -> TokenError {
        let last = self.last.try_lock().ok();
        let failure = last.as_deref().and_then(Option::as_ref).and_then(|attempt| attempt.failure.clone());
        TokenError::KeysUnavailable(failure.unwrap_or_else(|| Arc::new(FetchError::Earlier)))
    }
}

enum Knowledge {
    Fresh(Arc<KeySet>),
    Stale(Arc<KeySet>),
    None,
}
