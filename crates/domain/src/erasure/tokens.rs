//! Which tokens take the place of a column's values: the same for equal values wherever something may join
//! on them. Where values must stay distinct and nothing joins by a reference or a foreign key, another row's
//! token is not given twice, so that whoever registers again with an address that was freed can be erased again.

use std::collections::{BTreeMap, BTreeSet};

use crate::anonymise::TokenForm;
use crate::datamap::{Collection, DataMap, Effect, Strategy};
use crate::schema::{LiveSchema, Table, TableName};

use super::change::FieldChange;
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
            let Some(changes) = &mut target.changes else { continue };
            let asked = live.map(|live| Distinct { live, changed: changed(changes) });
            for change in changes {
                let joins = self.0.contains(&(store, table, &change.column));
                let apart = asked.as_ref().filter(|asked| !joins && asked.is_distinct(&change.column));
                change.token = match change.strategy.effect() {
                    Effect::Pseudonymised => {
                        apart.map_or(TokenForm::Checked, |asked| asked.form(&change.column))
                    }
                    Effect::Anonymised | Effect::Kept => TokenForm::Plain,
                };
            }
        }
    }
}

/// The columns that are changed, each with its strategy.
fn changed(changes: &[FieldChange]) -> BTreeMap<String, Strategy> {
    changes.iter().map(|change| (change.column.clone(), change.strategy.clone())).collect()
}

/// A table in which values must stay distinct, and what is changed there.
struct Distinct<'t> {
    live: &'t Table,
    changed: BTreeMap<String, Strategy>,
}

impl Distinct<'_> {
    /// Without a key nothing tells rows apart but their values.
    fn is_distinct(&self, column: &str) -> bool {
        self.live.must_stay_distinct(column) && !self.live.primary_key.is_empty()
    }

    fn form(&self, column: &str) -> TokenForm {
        match self.sees_what_is_taken(column) {
            true => TokenForm::CheckedUnlessTaken,
            false => TokenForm::CheckedByRow,
        }
    }

    /// Whether the statement that writes a column's token finds the row that has it already, by an index, and no
    /// two rows that it changes can get the same one: what else the unique keys of the column compare stays as it
    /// is. Of an index over a part of the rows or an expression only the server knows what it compares.
    fn sees_what_is_taken(&self, column: &str) -> bool {
        let has = |columns: &[String]| columns.iter().any(|part| part == column);
        let stays = |part: &String| {
            part == column
                || !self.changed.contains_key(part)
                    && self.live.column(part).is_some_and(|column| column.not_null)
        };
        // What no statement can give is computed elsewhere, and so are the other columns of the row.
        !self.changed.values().any(|strategy| *strategy == Strategy::FormatPreserving)
            && !self.live.unique_in_part.iter().any(|columns| has(columns))
            && self.live.unique.iter().filter(|columns| has(columns)).all(|columns| columns.iter().all(stays))
    }
}
