//! What has been sent through each link by this process.
//!
//! A request that begins at the beginning is a download. One that begins further on is part of a
//! download that was recorded only as far as its bytes have left through the same link before: bytes
//! beyond are recorded, or one byte would open the rest unseen. What this process has not seen is not
//! assumed to have been sent, so that bytes never leave unrecorded; at worst, after a restart or behind
//! several replicas, bytes are recorded twice.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// More links than are used within the life of one.
const MOST_LINKS: usize = 10_000;
/// More pieces than a client fetches a package in, one beside the other.
const MOST_PIECES: usize = 64;

/// The links through which something was sent.
#[derive(Debug, Default)]
pub struct Downloads(Mutex<HashMap<String, Sent>>);

/// What was sent through a link.
#[derive(Debug, Default)]
struct Sent {
    /// When the link ends, in seconds since 1970.
    expires_at: i64,
    /// Pieces that do not touch, in order.
    pieces: Vec<Range<u64>>,
}

impl Downloads {
    /// Whether these bytes have all been sent through the link of this signature.
    #[must_use]
    pub(super) fn have_sent(&self, signature: &str, bytes: &Range<u64>) -> bool {
        let links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        links.get(signature).is_some_and(|sent| sent.covers(bytes))
    }

    /// Notes that bytes were sent through a link that ends then.
    pub(super) fn note(&self, (signature, expires_at): (&str, i64), bytes: Range<u64>, now: i64) {
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sent) = links.get_mut(signature) {
            return sent.add(bytes);
        }
        if links.len() >= MOST_LINKS {
            links.retain(|_, sent| sent.expires_at > now);
        }
        if links.len() >= MOST_LINKS {
            links.clear();
        }
        links.insert(signature.to_owned(), Sent { expires_at, pieces: vec![bytes] });
    }
}

impl Sent {
    fn covers(&self, bytes: &Range<u64>) -> bool {
        self.pieces.iter().any(|piece| piece.start <= bytes.start && bytes.end <= piece.end)
    }

    fn add(&mut self, mut bytes: Range<u64>) {
        self.pieces.retain(|piece| {
            let apart = piece.end < bytes.start || bytes.end < piece.start;
            if !apart {
                bytes = bytes.start.min(piece.start)..bytes.end.max(piece.end);
            }
            apart
        });
        let at = self.pieces.partition_point(|piece| piece.start < bytes.start);
        self.pieces.insert(at, bytes);
        if self.pieces.len() > MOST_PIECES {
            // What is forgotten is recorded again.
            self.pieces.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: (&str, i64) = ("link", 100);

    #[test]
    fn the_ledger_stays_bounded_and_forgets_ended_links_first() {
        let downloads = Downloads::default();
        for number in 0..MOST_LINKS {
            downloads.note((&format!("ended {number}"), 10), 0..9, 5);
        }
        assert!(downloads.have_sent("ended 0", &(0..9)));
        downloads.note(("new", 100), 0..9, 50);
        assert!(downloads.have_sent("new", &(0..9)) && !downloads.have_sent("ended 0", &(0..9)));
        for number in 0..MOST_LINKS {
            downloads.note((&format!("alive {number}"), 100), 0..9, 50);
        }
        assert!(downloads.0.lock().unwrap().len() <= MOST_LINKS);
    }

    #[test]
    fn bytes_were_sent_when_all_of_them_were() {
        let downloads = Downloads::default();
        let sent = |bytes: Range<u64>| downloads.have_sent("link", &bytes);
        assert!(!sent(0..1));
        downloads.note(LINK, 0..1, 0);
        assert!(sent(0..1) && !sent(1..10) && !sent(0..2));
        for piece in [20..30, 5..10, 10..15, 1..2] {
            downloads.note(LINK, piece, 0);
        }
        assert!(sent(0..2) && sent(5..15) && sent(20..30) && sent(7..12));
        assert!(!sent(0..15) && !sent(14..21) && !sent(30..31));
        downloads.note(LINK, 2..25, 0);
        assert!(sent(0..30) && !sent(0..31));
        assert!(!downloads.have_sent("other", &(0..1)));
    }

    #[test]
    fn a_link_is_remembered_in_so_many_pieces_and_never_more_than_was_sent() {
        let downloads = Downloads::default();
        for number in 0..1_000_u64 {
            downloads.note(LINK, number * 10..number * 10 + 5, 0);
        }
        assert_eq!(downloads.0.lock().unwrap()["link"].pieces.len(), MOST_PIECES);
        assert!(downloads.have_sent("link", &(9_990..9_995)));
        assert!(!downloads.have_sent("link", &(0..5)) && !downloads.have_sent("link", &(9_985..9_995)));
    }
}
