//! The collections of a data map, each with what is known of its table.

use std::collections::BTreeMap;

use crate::datamap::{Collection, DataMap, Ownership, TenantPath};
use crate::erasure::facts::{StoreFacts, TableFacts};
use crate::erasure::keys;
use crate::erasure::plan::{self, Target};
use crate::schema::{LiveColumn, LiveSchema, Table, TableName};

/// All collections that the map does not leave out, by their number.
pub(in crate::erasure) struct Places<'a> {
    pub(in crate::erasure) map: &'a DataMap,
    pub(in crate::erasure) all: Vec<Place<'a>>,
    targets: Vec<Target<'a>>,
}

/// A collection and what is known of its table.
pub(in crate::erasure) struct Place<'a> {
    pub(in crate::erasure) collection: &'a Collection,
    /// As `dataset.collection`.
    pub(in crate::erasure) path: String,
    pub(in crate::erasure) store: &'a str,
    /// The organisations' own table.
    pub(in crate::erasure) root: bool,
    pub(in crate::erasure) live: Option<&'a Table>,
    pub(in crate::erasure) facts: Option<&'a StoreFacts>,
}

impl<'a> Places<'a> {
    pub(in crate::erasure) fn of(
        map: &'a DataMap,
        live: &'a BTreeMap<String, LiveSchema>,
        facts: &'a BTreeMap<String, StoreFacts>,
    ) -> Self {
        let (mut all, mut targets) = (Vec::new(), Vec::new());
        for dataset in &map.datasets {
            let schema = live.get(&dataset.store);
            let root = dataset.organisation.as_ref().map(|root| root.collection.as_str());
            for collection in dataset.collections.iter().filter(|collection| !collection.skipped) {
                all.push(Place {
                    collection,
                    path: format!("{}.{}", dataset.key, collection.name),
                    store: &dataset.store,
                    root: root == Some(collection.name.as_str()),
                    live: schema.and_then(|schema| schema.tables.get(&collection.table)),
                    facts: facts.get(&dataset.store),
                });
            }
        }
        for store in map.stores() {
            targets.extend(live.get(store).into_iter().flat_map(|schema| plan::targets(map, store, schema)));
        }
        Self { map, all, targets }
    }

    pub(in crate::erasure) fn place(&self, at: usize) -> Option<&Place<'a>> {
        self.all.get(at)
    }

    /// The number of a collection; `None` where the map has it not, or leaves it out.
    pub(in crate::erasure) fn find(&self, dataset: &str, collection: &str) -> Option<usize> {
        let path = format!("{dataset}.{collection}");
        self.all.iter().position(|place| place.path == path)
    }

    /// Whether a column may be set to NULL without breaking what holds rows together.
    pub(in crate::erasure) fn may_be_emptied(&self, at: usize, column: &str) -> bool {
        let Some(place) = self.place(at) else { return false };
        let free = |live: &LiveColumn| !live.not_null && !live.generated;
        let key = place.live.is_some_and(|table| table.primary_key.iter().any(|part| part == column));
        !key && place.column(column).is_some_and(free)
            && !self.leads_by(place, column)
            && !place.referring().any(|(_, key)| key.target_columns.iter().any(|target| target == column))
    }

    /// Whether rows of any collection lead to their organisation by this column.
    fn leads_by(&self, place: &Place<'_>, column: &str) -> bool {
        let by = |path: &TenantPath, from: &TableName| {
            keys::on_the_way(path, from, place.table()).contains(&column)
        };
        self.all
            .iter()
            .filter(|other| other.store == place.store)
            .any(|other| other.collection.tenant.as_ref().is_some_and(|path| by(path, other.table())))
    }

    /// Whether erasing a row of the collection takes it away, or empties one of these columns.
    pub(in crate::erasure) fn lets_go(&self, at: usize, columns: &[String]) -> bool {
        let Some(place) = self.place(at) else { return false };
        let mut own = self.targets.iter().filter(|target| target.path == place.path);
        own.any(|target| target.deletes() || columns.iter().any(|column| target.nulls(column)))
    }
}

impl<'a> Place<'a> {
    pub(in crate::erasure) fn table(&self) -> &'a TableName {
        &self.collection.table
    }

    /// Whether a row may belong to several persons. One of the organisations always does.
    pub(in crate::erasure) fn shared(&self) -> bool {
        self.root || self.collection.ownership == Ownership::Shared
    }

    pub(in crate::erasure) fn column(&self, name: &str) -> Option<&'a LiveColumn> {
        self.live?.column(name)
    }

    /// The foreign keys of all tables that refer to this one.
    pub(in crate::erasure) fn referring(
        &self,
    ) -> impl Iterator<Item = (&'a TableName, &'a crate::erasure::facts::ForeignKey)> {
        let table = self.table();
        self.facts.into_iter().flat_map(move |facts| keys::referring(facts, table))
    }

    pub(in crate::erasure) fn known(&self) -> Option<&'a TableFacts> {
        self.facts?.tables.get(self.table())
    }
}
