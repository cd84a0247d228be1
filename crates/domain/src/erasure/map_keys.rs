//! References that only the data map knows: no foreign key of the database keeps what they lead to.

use std::collections::BTreeMap;

use crate::datamap::{Collection, DataMap, Direction, Effect};
use crate::schema::{LiveSchema, Table, TableName, TypeFamily};

use super::facts::StoreFacts;
use super::guard::{Aside, Guard};
use super::plan::Target;
use super::subject::places::{Place, Places};
use super::subject::references::{self, Reference};
use super::subject::walk::same_kind;

/// A reference of the data map for which the database has no foreign key.
pub(super) struct MapKey<'a> {
    store: &'a str,
    /// The collection whose rows refer, as `dataset.collection`.
    path: String,
    collection: &'a Collection,
    columns: Vec<String>,
    target: &'a TableName,
    target_columns: Vec<String>,
}

/// All of them, but for those of a table to itself: whether one of its rows stays is decided for all at once.
pub(super) fn of<'a>(
    map: &'a DataMap,
    live: &'a BTreeMap<String, LiveSchema>,
    facts: &'a BTreeMap<String, StoreFacts>,
) -> Vec<MapKey<'a>> {
    let places = Places::of(map, live, facts);
    // What is wrong with a reference stands in the way of finding a person, who is erased by them.
    let references = references::of(&places, &mut Vec::new());
    let mut found = Vec::new();
    for reference in &references {
        let (Some(from), Some(to)) = (places.place(reference.from), places.place(reference.to)) else {
            continue;
        };
        let refers = match refers(reference, from, to) {
            Some(true) => (from, &reference.columns, to, &reference.target_columns),
            Some(false) => (to, &reference.target_columns, from, &reference.columns),
            None => continue,
        };
        found.extend(unkeyed(refers));
    }
    found
}

/// Whether the row here refers to the row there, or the other way round: the data map may name a reference
/// at either end. What is referred to is a key; where nothing is, rows only have a value in common.
fn refers(reference: &Reference, from: &Place<'_>, to: &Place<'_>) -> Option<bool> {
    let (here, there) = (key(from, &reference.columns), key(to, &reference.target_columns));
    match here.cmp(&there) {
        std::cmp::Ordering::Less => Some(true),
        std::cmp::Ordering::Greater => Some(false),
        std::cmp::Ordering::Equal if here == Key::None => None,
        std::cmp::Ordering::Equal => Some(reference.direction == Direction::From),
    }
}

/// What columns are to their table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    None,
    Unique,
    Primary,
}

fn key(place: &Place<'_>, columns: &[String]) -> Key {
    let is_key = |key: &[String]| !key.is_empty() && key.iter().all(|name| columns.contains(name));
    match place.live {
        Some(table) if is_key(&table.primary_key) => Key::Primary,
        Some(table) if table.unique.iter().any(|key| is_key(key)) => Key::Unique,
        _ => Key::None,
    }
}

type Ends<'p, 'a> = (&'p Place<'a>, &'p [String], &'p Place<'a>, &'p [String]);

fn unkeyed<'a>(
    (from, columns, to, target_columns): (&Place<'a>, &Vec<String>, &Place<'a>, &Vec<String>),
) -> Option<MapKey<'a>> {
    let ends: Ends<'_, 'a> = (from, columns, to, target_columns);
    if from.store != to.store || from.table() == to.table() || !comparable(ends) || is_kept(ends) {
        return None;
    }
    Some(MapKey {
        store: from.store,
        path: from.path.clone(),
        collection: from.collection,
        columns: columns.clone(),
        target: to.table(),
        target_columns: target_columns.clone(),
    })
}

/// Whether a foreign key keeps it, if only by some of its columns.
fn is_kept((from, columns, to, target_columns): Ends<'_, '_>) -> bool {
    let mut keys = from.known().into_iter().flat_map(|known| &known.foreign_keys);
    keys.any(|key| {
        let mut parts = key.columns.iter().zip(&key.target_columns);
        key.target == *to.table()
            && parts.any(|part| columns.iter().zip(target_columns).any(|pair| pair == part))
    })
}

/// Whether the values can be compared by an operator that every server has.
fn comparable((from, columns, to, target_columns): Ends<'_, '_>) -> bool {
    use TypeFamily::{Array, Json, Other};
    let column =
        |table: Option<&'_ Table>, name: &String| table.and_then(|table| table.column(name).cloned());
    columns.iter().zip(target_columns).all(|(here, there)| {
        let pair = column(from.live, here).zip(column(to.live, there));
        pair.is_some_and(|(here, there)| {
            same_kind(&here, &there) && !matches!(here.family, Array | Json | Other)
        })
    })
}

impl MapKey<'_> {
    pub(super) fn refers_to(&self, target: &Target<'_>) -> bool {
        target.store == self.store && target.table() == self.target
    }

    /// Whether what is done to the rows that refer lets go of what they refer to: they are deleted, or hold
    /// another value afterwards.
    pub(super) fn is_let_go_by(&self, target: &Target<'_>) -> bool {
        let changes = || target.changes.iter().flatten();
        let changed = || {
            let mut changed = changes().filter(|change| change.strategy.effect() != Effect::Kept);
            changed.any(|change| self.columns.contains(&change.column))
        };
        target.path == self.path && !target.unlinks && (target.deletes() || changed())
    }

    /// The guard of what it refers to. `go_first`: whether the rows that refer are gone, or have let go, by
    /// then; else those that stay by plan are no reason to keep anything.
    pub(super) fn guard(&self, go_first: bool) -> Option<Guard> {
        let aside = || {
            Some(Aside {
                collection: self.path.clone(),
                tenant: self.collection.tenant.clone()?,
                created_at: self.collection.created_at.clone(),
                held: Vec::new(),
            })
        };
        Some(Guard {
            table: self.collection.table.clone(),
            columns: self.columns.clone(),
            target_columns: self.target_columns.clone(),
            aside: if go_first { None } else { Some(aside()?) },
        })
    }
}
