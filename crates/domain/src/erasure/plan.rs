//! What an erasure of an organisation's rows consists of.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::datamap::category::{default_strategy, personal};
use crate::datamap::{Collection, DataMap, Effect, Erase, Field, Strategy};
use crate::schema::{LiveSchema, Table, TableName};

use super::change::FieldChange;
use super::facts::StoreFacts;
use super::guard::Guard;
use super::map_keys;
use super::obstacle::Obstacle;
use super::tokens::Joined;
use super::{keys, order, preflight};

/// What happens to the rows of every collection, wave by wave. The collections of a wave do not
/// need each other; those of the next need all before them. The organisations' own table is last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasurePlan {
    /// The waves.
    pub waves: Vec<Vec<CollectionErasure>>,
}

/// What happens to the rows of one collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionErasure {
    /// The collection as `dataset.collection`.
    pub collection: String,
    /// The subject store that holds it.
    pub store: String,
    /// Its table.
    pub table: TableName,
    /// What is done to a row.
    pub action: RowAction,
    /// Whether a row may lead to several organisations: then only rows that lead to this one alone
    /// are touched, and the others are reported as shared.
    pub exclusive: bool,
    /// Whether all rows must go in one statement, because rows of the table refer to each other.
    pub unsplit: bool,
    /// The keys by which they do. Were a row that stays to refer so to one that is deleted, the server
    /// would refuse, or delete or change that row along: then none is deleted.
    #[serde(default)]
    pub threads: Vec<Guard>,
    /// Keys of other tables, and references of the data map, that refer to rows which are deleted. A row that is still
    /// referred to by then (by one that is held, came later, or is another organisation's) is left
    /// and reported: otherwise the server would refuse the statement, or change that row along.
    pub guards: Vec<Guard>,
}

/// What is done to a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowAction {
    /// The row is deleted.
    Delete,
    /// These columns are changed; every other one stays as it is.
    Anonymise(Vec<FieldChange>),
    /// These nullable columns are set to NULL, so that rows which refer to each other can be
    /// deleted afterwards.
    Unlink(Vec<String>),
}

/// Plans the erasure of an organisation's rows in every store of the map. `live` and `facts` are
/// keyed by store name.
///
/// Findings of [`crate::datamap::check()`] that stand in the way of erasure are not repeated here:
/// callers make that check first.
///
/// # Errors
/// Everything that stands in the way, sorted; then nothing may be written.
pub fn plan(
    map: &DataMap,
    live: &BTreeMap<String, LiveSchema>,
    facts: &BTreeMap<String, StoreFacts>,
) -> Result<ErasurePlan, Vec<Obstacle>> {
    assemble(map, live, facts, |store, schema| {
        targets(map, store, schema).into_iter().filter(Target::acts).collect()
    })
}

/// The plan for what is to be done in each store, when nothing stands in the way.
pub(super) fn assemble<'a>(
    map: &'a DataMap,
    live: &BTreeMap<String, LiveSchema>,
    facts: &BTreeMap<String, StoreFacts>,
    mut targets: impl FnMut(&'a str, &LiveSchema) -> Vec<Target<'a>>,
) -> Result<ErasurePlan, Vec<Obstacle>> {
    let none = (LiveSchema::default(), StoreFacts::default());
    let (joined, mut obstacles) = (Joined::of(map, facts), Vec::new());
    let (mut waves, mut last) = (Vec::<Vec<CollectionErasure>>::new(), Vec::new());
    let map_keys = map_keys::of(map, live, facts);
    for store in map.stores() {
        let schema = live.get(store).unwrap_or(&none.0);
        let facts = facts.get(store).unwrap_or(&none.1);
        let (mut targets, ways) = (targets(store, schema), ways(map, store));
        joined.decide(&mut targets, schema);
        preflight::counts(&targets, facts, &mut obstacles);
        preflight::check(&targets, &ways, (schema, facts), &mut obstacles);
        let ordered = order::waves(&targets, &ways, (facts, &map_keys), &mut obstacles);
        preflight::check(&order::opened(&targets, &ordered), &ways, (schema, facts), &mut obstacles);
        for (place, wave) in ordered.into_iter().enumerate() {
            let (root, others): (Vec<_>, Vec<_>) = wave.into_iter().partition(|done| is_root(map, done));
            last.extend(root);
            match waves.get_mut(place) {
                Some(known) => known.extend(others),
                None => waves.push(others),
            }
        }
    }
    if obstacles.is_empty() {
        waves.push(last);
        waves.retain(|wave| !wave.is_empty());
        return Ok(ErasurePlan { waves });
    }
    Err(sorted(obstacles))
}

/// Obstacles in their order, each once.
pub(super) fn sorted(mut obstacles: Vec<Obstacle>) -> Vec<Obstacle> {
    obstacles.sort();
    obstacles.dedup();
    obstacles
}

/// Every collection of a store by its path: whoever is erased, all of them must still lead to their
/// organisation.
pub(super) type Ways<'a> = Vec<(String, &'a Collection)>;

fn ways<'a>(map: &'a DataMap, store: &str) -> Ways<'a> {
    let datasets = map.datasets.iter().filter(|dataset| dataset.store == store);
    let collections = datasets.flat_map(|dataset| {
        let path = |collection: &Collection| format!("{}.{}", dataset.key, collection.name);
        dataset.collections.iter().map(move |collection| (path(collection), collection))
    });
    collections.filter(|(_, collection)| !collection.skipped).collect()
}

/// A collection, with what erasing does to a row of it.
#[derive(Clone)]
pub(super) struct Target<'a> {
    pub collection: &'a Collection,
    pub path: String,
    pub store: &'a str,
    /// The organisations' own table, which goes last.
    pub root: bool,
    /// `None` where the rows are deleted.
    pub changes: Option<Vec<FieldChange>>,
    /// Whether the changes only cut a reference.
    pub unlinks: bool,
    pub exclusive: bool,
    /// The columns that may be NULL.
    pub nullable: BTreeSet<String>,
}

impl Target<'_> {
    pub(super) fn table(&self) -> &TableName {
        &self.collection.table
    }

    pub(super) fn deletes(&self) -> bool {
        self.changes.is_none()
    }

    /// Whether anything is done to its rows.
    pub(super) fn acts(&self) -> bool {
        self.changes.as_ref().is_none_or(|changes| !changes.is_empty())
    }

    /// Whether the erasure makes this column NULL.
    pub(super) fn nulls(&self, column: &str) -> bool {
        let mut changes = self.changes.iter().flatten();
        changes.any(|change| change.column == column && change.strategy == Strategy::Null)
    }

    pub(super) fn erasure(
        &self,
        action: RowAction,
        guards: Vec<Guard>,
        threads: Vec<Guard>,
    ) -> CollectionErasure {
        CollectionErasure {
            collection: self.path.clone(),
            store: self.store.to_owned(),
            table: self.table().clone(),
            action,
            exclusive: self.exclusive,
            unsplit: !threads.is_empty(),
            threads,
            guards,
        }
    }
}

impl CollectionErasure {
    /// What holds for rows of a collection whatever is planned for them: their tokens and media go, also
    /// where no column of theirs changes.
    #[must_use]
    pub fn objects(collection: &Collection, (path, store): (&str, &str), schema: &LiveSchema) -> Self {
        Self {
            collection: path.to_owned(),
            store: store.to_owned(),
            table: collection.table.clone(),
            action: RowAction::Anonymise(Vec::new()),
            exclusive: exclusive(collection, schema),
            unsplit: false,
            threads: Vec::new(),
            guards: Vec::new(),
        }
    }
}

fn exclusive(collection: &Collection, schema: &LiveSchema) -> bool {
    collection.tenant.as_ref().is_some_and(|path| keys::leads_to_several(path, schema))
}

/// Every collection of a store, also those to whose rows nothing is done.
pub(super) fn targets<'a>(map: &'a DataMap, store: &'a str, schema: &LiveSchema) -> Vec<Target<'a>> {
    let datasets = map.datasets.iter().filter(|dataset| dataset.store == store);
    let collections = datasets.flat_map(|dataset| {
        let root = dataset.organisation.as_ref().map(|root| root.collection.as_str());
        dataset
            .collections
            .iter()
            .map(move |collection| (dataset, collection, root == Some(&collection.name)))
    });
    let mut targets = Vec::new();
    for (dataset, collection, root) in collections.filter(|(_, collection, _)| !collection.skipped) {
        let live = schema.tables.get(&collection.table);
        let changes = match collection.erase {
            Erase::Delete => None,
            Erase::Anonymise => Some(changes(collection, live)),
        };
        let exclusive = exclusive(collection, schema);
        let path = format!("{}.{}", dataset.key, collection.name);
        let columns = live.into_iter().flat_map(|table| &table.columns);
        let nullable = columns.filter(|column| !column.not_null).map(|column| column.name.clone()).collect();
        targets.push(Target { collection, path, store, root, changes, unlinks: false, exclusive, nullable });
    }
    targets
}

/// The columns that change: each by the strategy that the map names, or else by its category's.
fn changes(collection: &Collection, live: Option<&Table>) -> Vec<FieldChange> {
    let changes = collection.fields.iter().filter_map(|field| {
        let strategy = strategy(field, live)?;
        Some(FieldChange::new(&field.name, strategy))
    });
    changes.filter(|change| change.strategy.effect() != Effect::Kept).collect()
}

fn strategy(field: &Field, live: Option<&Table>) -> Option<Strategy> {
    if field.strategy.is_some() {
        return field.strategy.clone();
    }
    if field.primary_key || !field.data_categories.iter().any(|category| personal(category)) {
        return None;
    }
    let table = live?;
    default_strategy(
        &field.data_categories,
        table.column(&field.name)?,
        table.must_stay_distinct(&field.name),
    )
}

/// Whether it anonymises the organisations' own rows, which comes last.
fn is_root(map: &DataMap, erasure: &CollectionErasure) -> bool {
    !matches!(erasure.action, RowAction::Unlink(_))
        && map.organisation().is_some_and(|(dataset, root)| {
            dataset.store == erasure.store
                && dataset.collection(&root.collection).is_some_and(|c| c.table == erasure.table)
        })
}
