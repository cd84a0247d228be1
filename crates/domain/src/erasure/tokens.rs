//! Which tokens take the place of a column's values: the same for equal values wherever something may join
//! on them, and others in each row where values must stay distinct and nothing joins. Whoever registers
//! again with an address that was freed can then be erased again.

use std::collections::{BTreeMap, BTreeSet};

use crate::anonymise::TokenForm;
use crate::datamap::{Collection, DataMap, Effect};
use crate::schema::{LiveSchema, TableName};

use super::facts::StoreFacts;
use super::plan::Target;

/// Every column on which something joins: by a reference of the data map or a foreign key, either way, or
/// because rows lead to their organisation by it.
#[derive(Default)]
pub(super) struct Joined<'a>(BTreeSet<(&'a str, &'a TableName, &'a str)>);

impl<'a> Joined<'a> {
    pub(super) fn of(map: &'a DataMap, facts: &'a BTreeMap<String, StoreFacts>) -> Self {
        let mut joined = Self::default();
        for dataset in &map.datasets {
            for collection in &dataset.collections {
                joined.references(map, (&dataset.store, collection));
                joined.way(&dataset.store, collection);
            }
        }
        for (store, facts) in facts {
            joined.foreign_keys(store, facts);
        }
        joined
    }

    fn add(&mut self, store: &'a str, table: &'a TableName, columns: &'a [String]) {
        self.0.extend(columns.iter().map(|column| (store, table, column.as_str())));
    }

    fn references(&mut self, map: &'a DataMap, (store, collection): (&'a str, &'a Collection)) {
        for (field, other) in collection
            .fields
            .iter()
            .flat_map(|field| field.references.iter().map(move |reference| (field, reference)))
        {
            self.0.insert((store, &collection.table, &field.name));
            let dataset = map.dataset(&other.dataset);
            let target = dataset.and_then(|dataset| Some((dataset, dataset.collection(&other.collection)?)));
            if let Some((dataset, target)) = target {
                self.0.insert((&dataset.store, &target.table, &other.field));
            }
        }
    }

    fn way(&mut self, store: &'a str, collection: &'a Collection) {
        let Some(path) = &collection.tenant else { return };
        let mut here = &collection.table;
        for hop in &path.hops {
            self.add(store, here, &hop.columns);
            here = &hop.target;
            self.add(store, here, &hop.target_columns);
        }
        self.0.insert((store, here, &path.key_column));
    }

    fn foreign_keys(&mut self, store: &'a str, facts: &'a StoreFacts) {
        for (table, known) in &facts.tables {
            for key in &known.foreign_keys {
                self.add(store, table, &key.columns);
                self.add(store, &key.target, &key.target_columns);
            }
        }
    }

    /// Decides the form of every token that is given.
    pub(super) fn decide(&self, targets: &mut [Target<'_>], schema: &LiveSchema) {
        for target in targets {
            let (store, table) = (target.store, &target.collection.table);
            let live = schema.tables.get(table);
            for change in target.changes.iter_mut().flatten() {
                let apart = live.is_some_and(|live| {
                    live.must_stay_distinct(&change.column) && !live.primary_key.is_empty()
                });
                change.token = match change.strategy.effect() {
                    Effect::Pseudonymised if !apart || self.0.contains(&(store, table, &change.column)) => {
                        TokenForm::Checked
                    }
                    Effect::Pseudonymised => TokenForm::CheckedByRow,
                    Effect::Anonymised | Effect::Kept => TokenForm::Plain,
                };
            }
        }
    }
}
