//! What the search for a person's rows has found so far.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::erasure::subject::Reached;

use super::{Key, SubjectRows};

/// Rows by collection, each by its primary key.
#[derive(Default)]
pub(super) struct Found {
    pub(super) own: BTreeMap<String, BTreeSet<Key>>,
    /// Own rows whose links were not followed yet.
    pub(super) fresh: VecDeque<(String, Vec<Key>)>,
    /// Rows that are the person's unless others refer to them.
    pub(super) candidates: BTreeMap<String, BTreeSet<Key>>,
    pub(super) unlinked: BTreeMap<String, BTreeMap<Vec<String>, BTreeSet<Key>>>,
    pub(super) left: BTreeMap<String, BTreeSet<Key>>,
}

impl Found {
    pub(super) fn add(&mut self, collection: &str, then: &Reached, keys: Vec<Key>) {
        // Nothing found is no entry: whoever is found nowhere is nobody.
        if keys.is_empty() {
            return;
        }
        let name = collection.to_owned();
        match then {
            Reached::Own => self.own(collection, keys),
            Reached::Unlink(columns) => {
                let rows = self.unlinked.entry(name).or_default().entry(columns.clone());
                rows.or_default().extend(keys);
            }
            Reached::Left => self.left.entry(name).or_default().extend(keys),
            Reached::Unless(_) => self.candidates.entry(name).or_default().extend(keys),
        }
    }

    pub(super) fn own(&mut self, collection: &str, keys: Vec<Key>) {
        let known = self.own.entry(collection.to_owned()).or_default();
        let fresh: Vec<Key> = keys.into_iter().filter(|key| known.insert(key.clone())).collect();
        if !fresh.is_empty() {
            self.fresh.push_back((collection.to_owned(), fresh));
        }
    }

    /// The candidates that are not the person's own by some other way.
    pub(super) fn open(&self, collection: &str) -> Vec<Key> {
        let (own, candidates) = (self.own.get(collection), self.candidates.get(collection));
        let open = |key: &&Key| own.is_none_or(|own| !own.contains(*key));
        candidates.into_iter().flatten().filter(open).cloned().collect()
    }

    pub(super) fn rows(mut self) -> SubjectRows {
        let names: Vec<String> = self.candidates.keys().cloned().collect();
        for name in names {
            let open = self.open(&name);
            self.left.entry(name).or_default().extend(open);
        }
        let listed = |found: BTreeMap<String, BTreeSet<Key>>| {
            let listed = found.into_iter().map(|(name, keys)| (name, keys.into_iter().collect::<Vec<Key>>()));
            listed.filter(|(_, keys)| !keys.is_empty()).collect()
        };
        let unlinked = self.unlinked.into_iter().map(|(name, by_columns)| {
            let by_columns =
                by_columns.into_iter().map(|(columns, keys)| (columns, keys.into_iter().collect()));
            (name, by_columns.collect())
        });
        SubjectRows {
            unlinked: unlinked.collect(),
            own: listed(self.own),
            left: listed(self.left),
            unlinking: BTreeSet::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_looked_for_in_rows_of_others_and_is_not_there_is_nobody() {
        let (mut found, then) = (Found::default(), Reached::Unlink(vec!["sender".to_owned()]));
        found.add("shop.message", &then, Vec::new());
        assert!(found.rows().is_empty());
        let mut found = Found::default();
        found.add("shop.message", &then, vec![vec!["1".to_owned()]]);
        assert!(!found.rows().is_empty());
    }
}
