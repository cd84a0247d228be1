//! What was found at the end: what is left, on purpose or not, and what nobody can tell.

use std::collections::BTreeMap;

use connectors::erase::{Looked, Remainder};
use domain::erasure::document::{LeftOver, NotWaitedFor, Undecided, VerifyResult};
use store::Retained;
use uuid::Uuid;

/// What was found so far.
#[derive(Default)]
pub(super) struct Report {
    pub remainders: Vec<Remainder>,
    undecided: BTreeMap<(String, String), i64>,
    retained: BTreeMap<(Uuid, String), i64>,
    left: BTreeMap<(String, &'static str), i64>,
}

impl Report {
    /// Adds what was found of a collection. What is done to it in two steps, as a row that is unlinked
    /// first and deleted later, counts once.
    pub fn add(&mut self, collection: &str, looked: Looked) {
        self.remainders.extend(looked.remainders);
        for (hold, rows) in looked.held {
            most(self.retained.entry((hold, collection.to_owned())).or_default(), rows);
        }
        let left = [("shared", looked.shared), ("referred", looked.guarded), ("later", looked.later)];
        for (why, rows) in left {
            most(self.left.entry((collection.to_owned(), why)).or_default(), rows);
        }
        for Remainder { column, rows, .. } in looked.undecided {
            let column = column.unwrap_or_default();
            most(self.undecided.entry((collection.to_owned(), column)).or_default(), rows);
        }
    }

    /// Adds rows that refer to a row that is gone.
    pub fn dangling(&mut self, collection: &str, rows: i64) {
        let known = self.left.entry((collection.to_owned(), "dangling")).or_default();
        *known = known.saturating_add(rows);
    }

    /// What the job keeps of it.
    pub fn ended(self, rows: i64, not_waited_for: Option<NotWaitedFor>) -> (VerifyResult, Vec<Retained>) {
        let retained = self.retained.into_iter().filter(|(_, rows)| *rows > 0);
        let retained =
            retained.map(|((hold, collection), rows)| Retained { hold, collection, rows }).collect();
        let left = self.left.into_iter().filter(|(_, rows)| *rows > 0);
        let left = left.map(|((collection, why), rows)| LeftOver { collection, why: why.to_owned(), rows });
        let undecided = self.undecided.into_iter().filter(|(_, rows)| *rows > 0);
        let undecided =
            undecided.map(|((collection, column), rows)| Undecided { collection, column, rows }).collect();
        (VerifyResult { rows, left: left.collect(), undecided, not_waited_for }, retained)
    }
}

fn most(known: &mut i64, rows: i64) {
    *known = rows.max(*known);
}
