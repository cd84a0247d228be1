//! The downloads that this process has recorded, by link.
//!
//! A request that begins in the middle is one download going on, if its beginning went through the
//! same link; recorded again, it would count twice. A beginning that this process has not seen is
//! not assumed: then the request is recorded, whatever its range. So bytes never leave unrecorded;
//! at worst, after a restart or behind several replicas, one download is recorded twice.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// More links than are used within the life of one.
const MOST_LINKS: usize = 10_000;

/// The links through which a download was recorded, with their ends in seconds since 1970.
#[derive(Debug, Default)]
pub struct Downloads(Mutex<HashMap<String, i64>>);

impl Downloads {
    /// Whether a download through the link of this signature was recorded.
    #[must_use]
    pub(super) fn begun(&self, signature: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(signature)
    }

    /// Notes that a download was recorded.
    pub(super) fn note(&self, signature: &str, expires_at: i64, now: i64) {
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if links.len() >= MOST_LINKS {
            links.retain(|_, end| *end > now);
        }
        if links.len() >= MOST_LINKS {
            links.clear();
        }
        links.insert(signature.to_owned(), expires_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_stays_bounded_and_forgets_ended_links_first() {
        let downloads = Downloads::default();
        for number in 0..MOST_LINKS {
            downloads.note(&format!("ended {number}"), 10, 5);
        }
        assert!(downloads.begun("ended 0"));
        downloads.note("new", 100, 50);
        assert!(downloads.begun("new") && !downloads.begun("ended 0"));
        for number in 0..MOST_LINKS {
            downloads.note(&format!("alive {number}"), 100, 50);
        }
        assert!(downloads.0.lock().unwrap().len() <= MOST_LINKS);
    }
}
