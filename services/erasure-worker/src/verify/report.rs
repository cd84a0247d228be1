//! What was found at the end: what is left, on purpose or not, and what nobody can tell.

use std::collections::{BTreeMap, BTreeSet};

use connectors::erase::{Looked, Remainder};
use domain::erasure::document::{LeftOver, NotWaitedFor, Undecided, VerifyResult};
use domain::hold::HeldRows;
use uuid::Uuid;

use crate::held::both;

/// What a hold has kept of a collection.
pub(super) struct KeptRows {
    pub hold: Uuid,
    pub collection: String,
    pub rows: i64,
    pub kept: HeldRows,
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Report {
    pub remainders: Vec<Remainder>,
    undecided: BTreeMap<(String, String), i64>,
    retained: BTreeMap<(Uuid, String), (i64, HeldRows)>,
    /// The keys of rows that some hold has kept, by collection.
    named: BTreeMap<String, BTreeSet<Vec<String>>>,
    left: BTreeMap<(String, &'static str), i64>,
}

impl Report {
    /// Adds what was found of a collection. What is done to it in two steps, as a row that is unlinked
    /// first and deleted later, counts once, and for one hold.
    pub fn add(&mut self, collection: &str, looked: Looked, kept: BTreeMap<Uuid, HeldRows>) {
        self.remainders.extend(looked.remainders);
        for (hold, kept) in kept {
            let rows = looked.held.get(&hold).copied().unwrap_or(0);
            let named = self.named.entry(collection.to_owned()).or_default();
            let kept = match kept {
                HeldRows::Keys(keys) => {
                    HeldRows::Keys(keys.into_iter().filter(|key| named.insert(key.clone())).collect())
                }
                kept @ HeldRows::Where(_) => kept,
            };
            let known = self.retained.entry((hold, collection.to_owned()));
            let (count, known) = known.or_insert_with(|| (0, HeldRows::Keys(Vec::new())));
            *known = both(known, kept);
            *count = match known {
                HeldRows::Keys(keys) => i64::try_from(keys.len()).unwrap_or(i64::MAX),
                HeldRows::Where(_) => rows.max(*count),
            };
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

    /// What the job keeps of it: the result, and what holds have kept.
    pub fn ended(self, rows: i64, not_waited_for: Option<NotWaitedFor>) -> (VerifyResult, Vec<KeptRows>) {
        let kept = self.retained.into_iter().filter(|(_, (rows, _))| *rows > 0);
        let kept = kept.map(|((hold, collection), (rows, kept))| KeptRows { hold, collection, rows, kept });
        let left = self.left.into_iter().filter(|(_, rows)| *rows > 0);
        let left = left.map(|((collection, why), rows)| LeftOver { collection, why: why.to_owned(), rows });
        let undecided = self.undecided.into_iter().filter(|(_, rows)| *rows > 0);
        let undecided =
            undecided.map(|((collection, column), rows)| Undecided { collection, column, rows }).collect();
        let result =
            VerifyResult { rows, left: left.collect(), undecided, not_waited_for, ..VerifyResult::default() };
        (result, kept.collect())
    }
}

fn most(known: &mut i64, rows: i64) {
    *known = rows.max(*known);
}
